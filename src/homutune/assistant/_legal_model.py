"""``homutune.LegalModel``: the client's wrapper with law, registry, prices and 仮名化 wired in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from homutune import client
from homutune.client import ChatMessage, CitedArticle, Knowledge, Price
from homutune.data import (
    SYSTEM_PROMPT,
    Example,
    Message,
    Meta,
    Pseudonymizer,
    load_prices,
)
from homutune.errors import UserError
from homutune.law import LawStore, check_citation, extract_citations
from homutune.settings import Settings, load_settings


class LegalModel(client.LegalModel):
    """:class:`homutune.client.LegalModel` that knows law: what ``from homutune`` gives.

    Its answers carry the articles they name with verdicts (条があるかどうか), its names know the
    registry of fine-tuned models, its costs the bundled price list, and personal data is replaced
    by placeholders on the way to any other machine.

    Args:
        name: as there.
        settings: as there.
        clients: names of clients to be pseudonymised with the other personal data.
        options: as there.
    """

    def __init__(
        self,
        name: str = "latest",
        *,
        settings: Settings | None = None,
        clients: Sequence[str] = (),
        **options: Any,
    ) -> None:
        settings = settings or load_settings()
        options.setdefault("knowledge", legal_knowledge(settings.home, clients))
        options.setdefault("system", SYSTEM_PROMPT)
        super().__init__(name, settings=settings, **options)


def legal_knowledge(home: Path, clients: Sequence[str] = ()) -> Knowledge:
    """What law, data and tuning contribute to a model.

    Args:
        home: where the registry and fetched statute texts are.
        clients: names of clients to be pseudonymised.
    """
    from homutune.tuning import list_models

    return Knowledge(
        citations=lambda text: cited_articles(text, LawStore(home)),
        registered=lambda base_url: list_models(home, base_url),
        price=_price,
        pseudonymize=lambda messages: _pseudonymize(messages, clients),
    )


def cited_articles(text: str, store: LawStore | None = None) -> list[CitedArticle]:
    """The articles named in ``text``, each once, with what the index of articles says."""
    found = (check_citation(citation, store) for citation in extract_citations(text))
    cited = (
        CitedArticle(
            f.citation.label, str(f.verdict), f.reason, f.remedy, f.law.url if f.law else None
        )
        for f in found
    )
    return list(dict.fromkeys(cited))


def _price(model: str) -> Price | None:
    prices = load_prices()
    try:
        found = prices.find(model)
    except UserError:
        return None
    return Price(found.input, found.output, prices.usd_jpy, prices.date)


def _pseudonymize(
    messages: Sequence[ChatMessage], clients: Sequence[str]
) -> tuple[list[ChatMessage], Mapping[str, str]]:
    worker = Pseudonymizer(clients=clients)
    example = Example(tuple(cast("Message", dict(m)) for m in messages), Meta(id="chat"))
    (hidden,) = worker.examples([example])
    return [cast("ChatMessage", dict(m)) for m in hidden.messages], worker.key
