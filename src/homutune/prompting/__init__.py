"""How a question is put to a model: the prompt plan and the messages it makes."""

from homutune.prompting._plans import PLANS, CardSearch, Prompt, PromptPlan, build

__all__ = ["PLANS", "CardSearch", "Prompt", "PromptPlan", "build"]
