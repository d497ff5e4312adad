"""法令: citations in running Japanese text, whether they exist, names of laws, statute text.

Nothing here reaches the network but :class:`EGovClient`, which the user starts with
``homutune law update``.
"""

from homutune.law._citations import Citation, extract_citations
from homutune.law._egov import EGOV_API, EGovClient
from homutune.law._index import Article, Law, LawIndex, law_index
from homutune.law._names import Change, canonical_law, law_names
from homutune.law._standard_xml import ArticleText, LawText, Paragraph, parse_law
from homutune.law._store import Difference, LawStore, compare, read_laws
from homutune.law._text import kanji_to_int, normalize
from homutune.law._verdicts import Finding, Verdict, check_citation

__all__ = [
    "EGOV_API",
    "Article",
    "ArticleText",
    "Change",
    "Citation",
    "Difference",
    "EGovClient",
    "Finding",
    "Law",
    "LawIndex",
    "LawStore",
    "LawText",
    "Paragraph",
    "Verdict",
    "canonical_law",
    "check_citation",
    "compare",
    "extract_citations",
    "kanji_to_int",
    "law_index",
    "law_names",
    "normalize",
    "parse_law",
    "read_laws",
]
