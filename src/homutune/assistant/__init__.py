"""演習4-2: contracts read, cut into clauses and compared with playbooks."""

from homutune.assistant._clauses import Clause, Part, segment
from homutune.assistant._document import Block, Document, Hidden, Note, Piece
from homutune.assistant._read import read_document
from homutune.assistant._shadow import Shadow
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

__all__ = [
    "Amount",
    "Block",
    "Clause",
    "Date",
    "Document",
    "Hidden",
    "Note",
    "Part",
    "Party",
    "Piece",
    "Shadow",
    "Term",
    "find_amounts",
    "find_dates",
    "find_parties",
    "find_terms",
    "read_document",
    "segment",
]
