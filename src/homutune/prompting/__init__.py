"""How a question is put to a model: the prompt plan, the messages it makes, the reply it reads."""

from homutune.prompting._forms import Reply, read_reply
from homutune.prompting._plan_files import read_plans, write_plan
from homutune.prompting._plans import (
    PLANS,
    SEARCH_PLANS,
    CardSearch,
    Prompt,
    PromptPlan,
    ShotSearch,
    build,
)
from homutune.prompting._replies import json_object
from homutune.prompting._shots import Shots

__all__ = [
    "PLANS",
    "SEARCH_PLANS",
    "CardSearch",
    "Prompt",
    "PromptPlan",
    "Reply",
    "ShotSearch",
    "Shots",
    "build",
    "json_object",
    "read_plans",
    "read_reply",
    "write_plan",
]
