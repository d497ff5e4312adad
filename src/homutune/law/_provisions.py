"""The text of a cited provision, where a statute text is stored."""

from __future__ import annotations

from functools import lru_cache

from homutune.law._citations import Citation
from homutune.law._names import law_names
from homutune.law._standard_xml import ArticleText
from homutune.law._store import LawStore

#: Statute texts held at a time; the largest take some 20 MB.
_LAWS = 16


class Provisions:
    """Looks provisions up in a store; each law is read once. Nothing reaches the network."""

    def __init__(self, store: LawStore) -> None:
        self._law = lru_cache(maxsize=_LAWS)(store.get)

    def __call__(self, citation: Citation) -> str | None:
        """The cited paragraph, or all of the article where none is cited, its items included.

        None where no text of the law in force is stored, or it has no such provision.
        """
        for law in law_names().laws(citation.law):
            text = self._law(law.law_id) if law.in_force else None
            article = text.articles.get(citation.article) if text else None
            if article is not None and not article.deleted:
                return _text(article, citation.paragraph)
        return None


def _text(article: ArticleText, paragraph: int | None) -> str | None:
    cited = [p for p in article.paragraphs if paragraph in (None, p.number)]
    return "\n".join(part for p in cited for part in (p.text, *p.items.values())) or None
