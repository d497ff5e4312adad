"""演習3-1: from what a model got wrong to better data, a new version, and a fair comparison."""

from homutune.improvement._accepted import accepted_pairs
from homutune.improvement._apply import Applied, apply_loop
from homutune.improvement._drafts import (
    MAX_TOKENS,
    TEMPERATURE,
    Draft,
    DraftChecker,
    drafts_wanted,
    write_drafts,
)
from homutune.improvement._firewall import Firewall, held_out_versions
from homutune.improvement._history import version_history
from homutune.improvement._loops import (
    VERDICTS,
    Decision,
    Loop,
    create_loop,
    list_loops,
    open_loop,
)
from homutune.improvement._plan import plan_loop
from homutune.improvement._retrain import applied_version, find_or_start
from homutune.improvement._sheet import Reviewed, read_sheet, write_sheet
from homutune.improvement._weaknesses import ERRORS, WAYS, Weakness, Weaknesses, find_weaknesses
from homutune.improvement._worklist import ACTIONS, WorkItem, make_worklist
from homutune.improvement._written import BY_HAND, add_written

__all__ = [
    "ACTIONS",
    "BY_HAND",
    "ERRORS",
    "MAX_TOKENS",
    "TEMPERATURE",
    "VERDICTS",
    "WAYS",
    "Applied",
    "Decision",
    "Draft",
    "DraftChecker",
    "Firewall",
    "Loop",
    "Reviewed",
    "Weakness",
    "Weaknesses",
    "WorkItem",
    "accepted_pairs",
    "add_written",
    "applied_version",
    "apply_loop",
    "create_loop",
    "drafts_wanted",
    "find_or_start",
    "find_weaknesses",
    "held_out_versions",
    "list_loops",
    "make_worklist",
    "open_loop",
    "plan_loop",
    "read_sheet",
    "version_history",
    "write_drafts",
    "write_sheet",
]
