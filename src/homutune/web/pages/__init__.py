"""One module and one template folder for each group of pages; see ``homutune.web``."""

from homutune.web.pages import (
    account,
    ask,
    connections,
    data,
    drafting,
    evaluation,
    examples,
    home,
    improve,
    preferences,
    ratings,
    review,
    review_results,
    risk,
    trained,
    training,
    usage,
    users,
)

ROUTERS = (
    account.router,
    home.router,
    data.router,
    examples.router,
    trained.router,  # before the routes that take any action of a job
    training.router,
    evaluation.router,
    ratings.router,
    improve.router,
    review.router,
    ask.router,
    preferences.router,
    connections.router,
    usage.router,
    users.router,
    review_results.router,
    risk.router,
    drafting.router,
)
