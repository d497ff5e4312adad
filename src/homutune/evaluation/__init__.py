"""評価: answers of a model, four criteria by rules, paired comparison, report."""

from homutune.evaluation._agreement import ENOUGH_AC2
from homutune.evaluation._answers import Answer, answer_items, side_by_side
from homutune.evaluation._arms import ArmsComparison, Contrast, compare_arms, find_arm, open_run
from homutune.evaluation._arms_report import (
    arms_headline,
    interaction_sentence,
    write_arms_report,
)
from homutune.evaluation._blind import (
    BlindAnswer,
    Sheet,
    keep_ratings,
    list_sheets,
    load_ratings,
    make_sheet,
    open_sheet,
    ratings_of,
)
from homutune.evaluation._breakdown import CASE_LABELS
from homutune.evaluation._comparison import (
    Comparison,
    ConditionComparison,
    compare_runs,
    find_pairs,
)
from homutune.evaluation._exams import CONDITIONS, Condition, conditions_for
from homutune.evaluation._gate import GateLine, GateResult, check_gate
from homutune.evaluation._history import VersionScore, runs_of_same_exam
from homutune.evaluation._judge_runs import Judged, judge_runs, judges_of, load_judged
from homutune.evaluation._judge_summary import JudgeResult, PairSummary, summarize_judge
from homutune.evaluation._judges import Judge, MockJudge, ModelJudge, StructuredModel
from homutune.evaluation._legal_checks import LegalDifference, compare
from homutune.evaluation._metrics import LossCurves, read_loss_curves
from homutune.evaluation._multiple_choice import ChoiceItem, ChoiceSummary, answer_choices
from homutune.evaluation._opinions import Opinions, read_opinions
from homutune.evaluation._people import (
    PeopleResult,
    SheetAgreement,
    sheet_agreement,
    summarize_people,
)
from homutune.evaluation._ratings import Imported, export_sheet, import_sheet
from homutune.evaluation._report import (
    Training,
    comparison_pictures,
    history_picture,
    render_report,
    write_report,
)
from homutune.evaluation._run_files import Run, StoredRun, list_runs, load_run
from homutune.evaluation._runs import run_condition
from homutune.evaluation._safeguards import learned_from
from homutune.evaluation._scoring import CRITERIA, FLAGS, ItemScore, Scorer
from homutune.evaluation._search import Search, Trial, condition_of, search_plans
from homutune.evaluation._statistics import BinaryResult, PairedResult, wilson
from homutune.evaluation._summary import RunSummary, summarize
from homutune.evaluation._views import ItemView, answer_view, item_views
from homutune.evaluation._wording import (
    VERDICTS,
    ComparisonRow,
    comparison_rows,
    headline,
    interval_text,
    number,
    p_text,
    primary_detail,
    verdict,
)

__all__ = [
    "CASE_LABELS",
    "CONDITIONS",
    "CRITERIA",
    "ENOUGH_AC2",
    "FLAGS",
    "VERDICTS",
    "Answer",
    "ArmsComparison",
    "BinaryResult",
    "BlindAnswer",
    "ChoiceItem",
    "ChoiceSummary",
    "Comparison",
    "ComparisonRow",
    "Condition",
    "ConditionComparison",
    "Contrast",
    "GateLine",
    "GateResult",
    "Imported",
    "ItemScore",
    "ItemView",
    "Judge",
    "JudgeResult",
    "Judged",
    "LegalDifference",
    "LossCurves",
    "MockJudge",
    "ModelJudge",
    "Opinions",
    "PairSummary",
    "PairedResult",
    "PeopleResult",
    "Run",
    "RunSummary",
    "Scorer",
    "Search",
    "Sheet",
    "SheetAgreement",
    "StoredRun",
    "StructuredModel",
    "Training",
    "Trial",
    "VersionScore",
    "answer_choices",
    "answer_items",
    "answer_view",
    "arms_headline",
    "check_gate",
    "compare",
    "compare_arms",
    "compare_runs",
    "comparison_pictures",
    "comparison_rows",
    "condition_of",
    "conditions_for",
    "export_sheet",
    "find_arm",
    "find_pairs",
    "headline",
    "history_picture",
    "import_sheet",
    "interaction_sentence",
    "interval_text",
    "item_views",
    "judge_runs",
    "judges_of",
    "keep_ratings",
    "learned_from",
    "list_runs",
    "list_sheets",
    "load_judged",
    "load_ratings",
    "load_run",
    "make_sheet",
    "number",
    "open_run",
    "open_sheet",
    "p_text",
    "primary_detail",
    "ratings_of",
    "read_loss_curves",
    "read_opinions",
    "render_report",
    "run_condition",
    "runs_of_same_exam",
    "search_plans",
    "sheet_agreement",
    "side_by_side",
    "summarize",
    "summarize_judge",
    "summarize_people",
    "verdict",
    "wilson",
    "write_arms_report",
    "write_report",
]
