"""``--meaning``: questions compared by their embeddings, with a bar for the minutes it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from homutune.data import Embed

Meaning = Annotated[
    bool,
    typer.Option(
        "--meaning",
        help="言い方の違う同じ質問も、埋め込みで探します（要 homutune[embeddings]。"
        "1 問に 0.1 秒ほど）。",
    ),
]


def meaning_embed(wanted: bool) -> Embed | None:
    """What compares by meaning; None where it is not wanted.

    Raises:
        UserError: it is wanted, and the extra is not installed.
    """
    if not wanted:
        return None
    from homutune.embedding import Embedder

    embedder = Embedder()
    embedder.embed([])  # says what is missing before the long work begins

    def embed(texts: Sequence[str]) -> list[list[float]]:
        from rich.progress import track

        from homutune.cli._console import console

        one_by_one = track(texts, "質問の意味を読み取っています", console=console, transient=True)
        return [embedder.embed([text]).vectors[0] for text in one_by_one]

    return embed
