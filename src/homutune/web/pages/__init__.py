"""One module and one template folder for each group of pages; see ``homutune.web``."""

from homutune.web.pages import (
    account,
    ask,
    connections,
    data,
    evaluation,
    home,
    improve,
    preferences,
    ratings,
    review,
    trained,
    training,
    users,
)

ROUTERS = (
    account.router,
    home.router,
    data.router,
    trained.router,  # before the routes that take any action of a job
    training.router,
    evaluation.router,
    ratings.router,
    improve.router,
    review.router,
    ask.router,
    preferences.router,
    connections.router,
    users.router,
)
