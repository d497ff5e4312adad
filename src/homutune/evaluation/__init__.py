"""評価: answers of a model, four criteria by rules, paired comparison, report."""

from homutune.evaluation._answers import Answer, answer_items
from homutune.evaluation._comparison import (
    Comparison,
    ConditionComparison,
    compare_runs,
    find_pairs,
)
from homutune.evaluation._legal_checks import LegalDifference, compare
from homutune.evaluation._metrics import LossCurves, read_loss_curves
from homutune.evaluation._report import Training, write_report
from homutune.evaluation._runs import CONDITIONS, Condition, Run, load_run, run_condition
from homutune.evaluation._scoring import CRITERIA, FLAGS, ItemScore, Scorer
from homutune.evaluation._summary import RunSummary, summarize
from homutune.evaluation._wording import ComparisonRow, comparison_rows, headline

__all__ = [
    "CONDITIONS",
    "CRITERIA",
    "FLAGS",
    "Answer",
    "Comparison",
    "ComparisonRow",
    "Condition",
    "ConditionComparison",
    "ItemScore",
    "LegalDifference",
    "LossCurves",
    "Run",
    "RunSummary",
    "Scorer",
    "Training",
    "answer_items",
    "compare",
    "compare_runs",
    "comparison_rows",
    "find_pairs",
    "headline",
    "load_run",
    "read_loss_curves",
    "run_condition",
    "summarize",
    "write_report",
]
