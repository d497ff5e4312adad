"""One module and one template folder for each group of pages; see ``homutune.web``."""

from homutune.web.pages import account, ask, data, evaluation, home, review, training

ROUTERS = (
    account.router,
    home.router,
    data.router,
    training.router,
    evaluation.router,
    review.router,
    ask.router,
)
