"""演習4-2: contracts read, cut into clauses, compared with playbooks, drafted, and turned
into registers of risks and deadlines."""

from homutune.assistant._adopt import Applied, write_adopted
from homutune.assistant._answers import check_answers, form_text, parse_answer, read_answers
from homutune.assistant._calendar import REMIND_DAYS, write_calendar
from homutune.assistant._certified import (
    CertifiedLetter,
    certified_letter,
    check_certified,
    count_characters,
)
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
from homutune.assistant._draft import Draft, draft
from homutune.assistant._draft_word import letter_text, write_draft
from homutune.assistant._edit import (
    EDIT_SCHEMA,
    EditChecks,
    ProposedEdit,
    addressed_warnings,
    check_edits,
    find_clauses,
    literal_edits,
    propose_edits,
    write_edits,
)
from homutune.assistant._excel import read_decisions, write_excel
from homutune.assistant._html_report import write_html
from homutune.assistant._legal_model import LegalModel, cited_articles, legal_knowledge
from homutune.assistant._model_pages import SchemaAsker
from homutune.assistant._obligations import (
    Obligation,
    Period,
    contract_period,
    find_obligations,
)
from homutune.assistant._opinions import OPINION_SCHEMA, add_opinions
from homutune.assistant._playbook import Check, Playbook, Rule, load_playbooks, playbook_folder
from homutune.assistant._qa import NO_ANSWER, QA_DISCLAIMER, Answer, LegalQA, SourceNote
from homutune.assistant._qa_text import (
    EXPORT_SUFFIXES,
    MARK,
    VETTED,
    answer_text,
    answers_markdown,
    export_answers,
    marked,
)
from homutune.assistant._read import read_document, text_document
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
from homutune.assistant._risk_export import write_register
from homutune.assistant._risk_matrix import matrix_svg
from homutune.assistant._risks import (
    Register,
    Risk,
    contract_register,
    load_catalogue,
    plan_register,
)
from homutune.assistant._shadow import Shadow
from homutune.assistant._support import Sentence, check_support
from homutune.assistant._template import (
    compare_template,
    imported_template_folder,
    list_templates,
    load_template,
    read_template,
    save_template,
)
from homutune.assistant._templates import (
    FormField,
    Template,
    load_templates,
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
from homutune.assistant._vetted import VettedAnswer, nearest_vetted
from homutune.assistant._word import write_comments

__all__ = [
    "DECISIONS",
    "DISCLAIMER",
    "DISPUTE",
    "EDIT_SCHEMA",
    "EXPORT_SUFFIXES",
    "MARK",
    "NO_ANSWER",
    "OPINION_SCHEMA",
    "QA_DISCLAIMER",
    "REMIND_DAYS",
    "VETTED",
    "Amount",
    "Answer",
    "Applied",
    "Basis",
    "Block",
    "CertifiedLetter",
    "Check",
    "Clause",
    "Contract",
    "Date",
    "Decision",
    "Document",
    "Draft",
    "Edit",
    "EditChecks",
    "Finding",
    "FormField",
    "Hidden",
    "Hunk",
    "LegalModel",
    "LegalQA",
    "Note",
    "Obligation",
    "Opinion",
    "Part",
    "Party",
    "Period",
    "Piece",
    "Playbook",
    "ProposedEdit",
    "Register",
    "Reminder",
    "Review",
    "Risk",
    "Rule",
    "SchemaAsker",
    "Sentence",
    "Shadow",
    "SourceNote",
    "Template",
    "Term",
    "VettedAnswer",
    "add_opinions",
    "addressed_warnings",
    "answer_text",
    "answers_markdown",
    "certified_letter",
    "check_answers",
    "check_certified",
    "check_edits",
    "check_support",
    "cited_articles",
    "compare_template",
    "contract_period",
    "contract_register",
    "count_characters",
    "decide",
    "detect_type",
    "draft",
    "export_answers",
    "find_amounts",
    "find_clauses",
    "find_dates",
    "find_obligations",
    "find_parties",
    "find_terms",
    "form_text",
    "hunks",
    "imported_template_folder",
    "legal_basis",
    "legal_knowledge",
    "letter_text",
    "list_templates",
    "literal_edits",
    "load_catalogue",
    "load_decisions",
    "load_playbooks",
    "load_template",
    "load_templates",
    "marked",
    "matrix_svg",
    "nearest_vetted",
    "parse_answer",
    "plan_register",
    "playbook_folder",
    "propose_edits",
    "proposed_text",
    "read_answers",
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
    "text_document",
    "tokens",
    "write_adopted",
    "write_calendar",
    "write_comments",
    "write_draft",
    "write_edits",
    "write_excel",
    "write_html",
    "write_redline",
    "write_register",
]
