"""演習4-2: contracts read, cut into clauses and compared with playbooks."""

from homutune.assistant._adopt import Applied, write_adopted
from homutune.assistant._clauses import Clause, Part, segment
from homutune.assistant._contract import Contract, detect_type, read_contract
from homutune.assistant._decisions import (
    DECISIONS,
    Decision,
    decide,
    load_decisions,
    review_path,
    save_review,
)
from homutune.assistant._diff import Hunk, hunks, tokens
from homutune.assistant._document import Block, Document, Hidden, Note, Piece
from homutune.assistant._excel import read_decisions, write_excel
from homutune.assistant._html_report import write_html
from homutune.assistant._opinions import OPINION_SCHEMA, add_opinions
from homutune.assistant._playbook import Check, Playbook, Rule, load_playbooks, playbook_folder
from homutune.assistant._read import read_document
from homutune.assistant._redline import Edit, proposed_text, write_redline
from homutune.assistant._review import (
    DISCLAIMER,
    DISPUTE,
    Basis,
    Finding,
    Opinion,
    Reminder,
    Review,
    legal_basis,
    review_document,
)
from homutune.assistant._shadow import Shadow
from homutune.assistant._template import (
    Template,
    compare_template,
    list_templates,
    load_template,
    read_template,
    save_template,
    template_folder,
)
from homutune.assistant._terms import (
    Amount,
    Date,
    Party,
    Term,
    find_amounts,
    find_dates,
    find_parties,
    find_terms,
)
from homutune.assistant._word import write_comments

__all__ = [
    "DECISIONS",
    "DISCLAIMER",
    "DISPUTE",
    "OPINION_SCHEMA",
    "Amount",
    "Applied",
    "Basis",
    "Block",
    "Check",
    "Clause",
    "Contract",
    "Date",
    "Decision",
    "Document",
    "Edit",
    "Finding",
    "Hidden",
    "Hunk",
    "Note",
    "Opinion",
    "Part",
    "Party",
    "Piece",
    "Playbook",
    "Reminder",
    "Review",
    "Rule",
    "Shadow",
    "Template",
    "Term",
    "add_opinions",
    "compare_template",
    "decide",
    "detect_type",
    "find_amounts",
    "find_dates",
    "find_parties",
    "find_terms",
    "hunks",
    "legal_basis",
    "list_templates",
    "load_decisions",
    "load_playbooks",
    "load_template",
    "playbook_folder",
    "proposed_text",
    "read_contract",
    "read_decisions",
    "read_document",
    "read_template",
    "review_document",
    "review_path",
    "save_review",
    "save_template",
    "segment",
    "template_folder",
    "tokens",
    "write_adopted",
    "write_comments",
    "write_excel",
    "write_html",
    "write_redline",
]
