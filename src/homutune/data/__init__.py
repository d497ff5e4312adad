"""演習1: examples, cards, checks, split, dataset versions, recipes, tokens and cost."""

from homutune.data._cards import read_cards
from homutune.data._checks import MIN_EXAMPLES, CheckReport, Lengths, Problem, check_examples
from homutune.data._choices import ChoiceQuestion, read_choices, write_choices
from homutune.data._content_checks import points_met
from homutune.data._datasets import Dataset, create_dataset, open_dataset
from homutune.data._files import corpus_path
from homutune.data._readers import iter_examples, read_examples
from homutune.data._recipes import (
    ABSTENTION,
    GROUNDED_SYSTEM_PROMPT,
    SYSTEM_PROMPT,
    Recipe,
    build_lines,
    grounded_answer,
    grounded_messages,
    is_abstention,
    plain_messages,
    references,
    with_sources,
    without_sources,
    write_chat_jsonl,
)
from homutune.data._retriever import Retriever
from homutune.data._split import Split, find_leaks, split_examples
from homutune.data._tokens import (
    CostEstimate,
    ModelPrice,
    PriceList,
    TokenCounts,
    auto_epochs,
    base_of,
    count_openai_tokens,
    encoding_of,
    estimate_cost,
    load_prices,
    token_counts,
)
from homutune.data._types import (
    KINDS,
    Card,
    Example,
    Manifest,
    Message,
    Meta,
    Role,
    Source,
    TrainingLine,
)
from homutune.files import write_atomic

__all__ = [
    "ABSTENTION",
    "GROUNDED_SYSTEM_PROMPT",
    "KINDS",
    "MIN_EXAMPLES",
    "SYSTEM_PROMPT",
    "Card",
    "CheckReport",
    "ChoiceQuestion",
    "CostEstimate",
    "Dataset",
    "Example",
    "Lengths",
    "Manifest",
    "Message",
    "Meta",
    "ModelPrice",
    "PriceList",
    "Problem",
    "Recipe",
    "Retriever",
    "Role",
    "Source",
    "Split",
    "TokenCounts",
    "TrainingLine",
    "auto_epochs",
    "base_of",
    "build_lines",
    "check_examples",
    "corpus_path",
    "count_openai_tokens",
    "create_dataset",
    "encoding_of",
    "estimate_cost",
    "find_leaks",
    "grounded_answer",
    "grounded_messages",
    "is_abstention",
    "iter_examples",
    "load_prices",
    "open_dataset",
    "plain_messages",
    "points_met",
    "read_cards",
    "read_choices",
    "read_examples",
    "references",
    "split_examples",
    "token_counts",
    "with_sources",
    "without_sources",
    "write_atomic",
    "write_chat_jsonl",
    "write_choices",
]
