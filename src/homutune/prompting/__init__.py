"""How a question is put to a model: the prompt plan and the messages it makes."""

from homutune.prompting._plans import PLANS, CardSearch, Prompt, PromptPlan, build
from homutune.prompting._replies import json_object

__all__ = ["PLANS", "CardSearch", "Prompt", "PromptPlan", "build", "json_object"]
