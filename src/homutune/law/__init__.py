"""法令: citations in running Japanese text, names of laws, and text brought to one form."""

from homutune.law._citations import Citation, extract_citations
from homutune.law._names import canonical_law
from homutune.law._text import kanji_to_int, normalize

__all__ = ["Citation", "canonical_law", "extract_citations", "kanji_to_int", "normalize"]
