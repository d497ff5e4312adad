"""解説カード from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homutune.data._shapes import meta_text, meta_texts
from homutune.data._types import Card, Source
from homutune.data._yaml import data_files, known_mapping, lines_of, load_yaml
from homutune.errors import UserError

_CARD = {"id", "title", "field", "text", "articles", "as_of", "reviewed", "asks"}


def read_cards(path: Path, notes: list[str] | None = None) -> list[Card]:
    """Read 解説カード from a YAML file or a folder of them (or one with a ``cards/`` folder in it).

    Raises:
        UserError: with file and line, for what cannot be read.
    """
    cards: dict[str, Card] = {}
    for file in data_files(path, "cards"):
        content, node = load_yaml(file, [] if notes is None else notes)
        if not isinstance(content, list):
            raise UserError(
                "カードのファイルは「- id: …」で始まる一覧にしてください。",
                remedy="corpus/cards の例を見てください。",
                file=file,
            )
        for item, line in zip(content, lines_of(node), strict=True):
            card = _card(item, file, line)
            if card.id in cards:
                raise UserError(
                    f"カードの id「{card.id}」が重なっています。",
                    remedy="id を付け直してください。",
                    file=file,
                    line=line,
                )
            cards[card.id] = card
    return list(cards.values())


def _card(item: Any, file: Path, line: int) -> Card:
    item = known_mapping(item, _CARD, ("id", "title", "text"), "カード", file, line)
    source = Source(str(file), line)
    return Card(
        id=str(item["id"]),
        title=str(item["title"]),
        field=str(item.get("field") or ""),
        text=str(item["text"]).strip(),
        articles=meta_texts(item, "articles", source),
        as_of=meta_text(item, "as_of", source),
        reviewed=meta_text(item, "reviewed", source),
        asks=meta_texts(item, "asks", source),
    )
