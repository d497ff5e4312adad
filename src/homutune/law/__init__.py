"""法令: citations in running Japanese text, whether they exist, names of laws, statute text.

Nothing here reaches the network; :mod:`homutune.law.egov`, the client of e-Gov's API, is imported
only by ``homutune law update``.
"""

from homutune.law._citations import Citation, extract_citations
from homutune.law._documents import Located, check_document, check_text
from homutune.law._index import Article, Law, LawIndex, law_index
from homutune.law._names import Change, canonical_law, law_names
from homutune.law._provisions import Provisions
from homutune.law._standard_xml import ArticleText, LawText, Paragraph, parse_law
from homutune.law._store import Difference, LawStore, compare, read_laws
from homutune.law._text import NUMERAL, kanji_to_int, normalize, numeral_value
from homutune.law._verdicts import Finding, Verdict, check_citation

__all__ = [
    "NUMERAL",
    "Article",
    "ArticleText",
    "Change",
    "Citation",
    "Difference",
    "Finding",
    "Law",
    "LawIndex",
    "LawStore",
    "LawText",
    "Located",
    "Paragraph",
    "Provisions",
    "Verdict",
    "canonical_law",
    "check_citation",
    "check_document",
    "check_text",
    "compare",
    "extract_citations",
    "kanji_to_int",
    "law_index",
    "law_names",
    "normalize",
    "numeral_value",
    "parse_law",
    "read_laws",
]
