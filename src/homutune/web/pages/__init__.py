"""One module and one template folder for each group of pages; see ``homutune.web``."""

from homutune.web.pages import (
    account,
    ask,
    data,
    drafting,
    home,
    review,
    review_results,
    risk,
    training,
)

ROUTERS = (
    account.router,
    home.router,
    data.router,
    training.router,
    review.router,
    review_results.router,
    ask.router,
    risk.router,
    drafting.router,
)
