"""自社カード: a team's own notes, added as Markdown, Excel, CSV or YAML, found at once.

They are kept as card files under ``<home>/cards``, one for each file added, in the form of the
bundled ones, so that they can be read and mended with an editor. No model is trained again.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from homutune.data._cards import read_cards
from homutune.data._excel import cell_text, open_workbook, sheet_rows
from homutune.data._files import open_text, read_text
from homutune.data._retriever import Retriever
from homutune.data._types import Card
from homutune.data._yaml import YAML
from homutune.embedding import TextVectors
from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.law import extract_citations

SUFFIXES = (".md", ".markdown", ".xlsx", ".csv", *YAML)
#: Characters of one card: three of them, a question and an answer must fit a small model, and
#: the bundled cards have up to 400.
MAX_TEXT = 800
_MAX_CARDS = 5000
_HEADINGS = {
    "id": ("id", "番号", "管理番号"),
    "title": ("title", "題名", "タイトル", "件名", "論点", "見出し", "質問", "question"),
    "text": ("text", "本文", "内容", "解説", "説明", "見解", "回答", "answer"),
    "field": ("field", "分野", "カテゴリ", "カテゴリー", "分類"),
    "articles": ("articles", "条文", "根拠条文", "関連条文", "参照条文"),
    "as_of": ("as_of", "基準日", "法令基準日", "更新日"),
    "reviewed": ("reviewed", "確認日"),
    "asks": ("asks", "想定質問", "よくある質問"),
}
_KNOWN = tuple(field.name for field in fields(Card))
_NAMES = {name: key for key, names in _HEADINGS.items() for name in names}
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$")
_DETAIL = re.compile(r"^\s*(?:[-*]\s*)?(条文|分野|基準日|確認日|想定質問)\s*[:：]\s*(.+)$")
_REMEDY = "題名（質問）と本文（回答）の列か、見出し（#）と文のある Markdown にしてください。"


class CardShelf:
    """The team's own cards of a home."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "cards"

    def add(self, path: Path) -> list[Card]:
        """Read a file and keep its cards; those of a file of the same name are replaced.

        Raises:
            UserError: with file and line, for what cannot be read; nothing was changed.
        """
        cards = read_team_cards(path)
        taken = {card.id: name for name, card in self._named() if name != _stem(path)}
        for card in cards:
            if card.id in taken:
                raise UserError(
                    f"カードの id「{card.id}」は、{taken[card.id]} のカードが使っています。",
                    remedy="id を付け直すか、homutune cards remove で前のカードを消してください。",
                    file=path,
                )
        write_atomic(self.folder / f"{_stem(path)}.yaml", _as_yaml(cards))
        return cards

    def cards(self) -> list[Card]:
        """All of them, in the order of file and card."""
        return [card for _, card in self._named()]

    def listed(self) -> list[tuple[str, Card]]:
        """(name of the file added, card) of all of them."""
        return list(self._named())

    def remove(self, name: str) -> list[Card]:
        """Remove the card of an id, or all cards of a file added; what was removed.

        Raises:
            UserError: there is neither.
        """
        kept: dict[str, list[Card]] = {}
        gone: list[Card] = []
        for file, card in self._named():
            if name in (card.id, file):
                gone.append(card)
                kept.setdefault(file, [])
            else:
                kept.setdefault(file, []).append(card)
        if not gone:
            raise UserError(
                f"「{name}」という自社カードはありません。",
                remedy="id は homutune cards list で確認できます。",
            )
        for file in {file for file, card in self._named() if card in gone}:
            target = self.folder / f"{file}.yaml"
            if kept[file]:
                write_atomic(target, _as_yaml(kept[file]))
            else:
                target.unlink(missing_ok=True)
        return gone

    def _named(self) -> Iterator[tuple[str, Card]]:
        for path in self.files():
            for card in read_cards(path):
                yield path.stem, card

    def files(self) -> list[Path]:
        """The card files."""
        return sorted(self.folder.glob("*.yaml")) if self.folder.is_dir() else []


class CardLibrary:
    """Cards to search: a folder of them and the team's own; a change on disk is seen at once.

    Args:
        base: file or folder of cards.
        shelf: the team's own; None leaves them out.
        vectors: see :class:`Retriever`.
    """

    def __init__(
        self, base: Path, shelf: CardShelf | None = None, *, vectors: TextVectors | None = None
    ) -> None:
        self._base = base
        self._shelf = shelf
        self._vectors = vectors
        self._seen: object = None
        self._own: frozenset[str] = frozenset()
        self._retriever = Retriever([])

    def search(
        self, question: str, k: int = 3, exclude: Sequence[str] = (), *, only_relevant: bool = False
    ) -> list[Card]:
        """As :meth:`Retriever.search`, over the cards as they are on disk now."""
        self._refresh()
        return self._retriever.search(question, k, exclude, only_relevant=only_relevant)

    def prepare(self) -> None:
        """Read the cards now; the first time, with vectors, a minute or two."""
        self._refresh()
        self._retriever.prepare()

    def is_own(self, card_id: str) -> bool:
        """Whether it is one of the team's own."""
        return card_id in self._own

    def _refresh(self) -> None:
        files = self._shelf.files() if self._shelf else []
        seen = [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in files]
        if seen == self._seen:
            return
        own = self._shelf.cards() if self._shelf else []
        # A card of the team takes the place of a bundled one of the same id.
        by_id = {card.id: card for card in (*read_cards(self._base), *own)}
        self._own = frozenset(card.id for card in own)
        self._retriever = Retriever(list(by_id.values()), vectors=self._vectors)
        self._seen = seen


def read_team_cards(path: Path) -> list[Card]:
    """The cards in a Markdown, Excel, CSV or YAML file.

    Markdown: a heading and the text below it are a card; a heading without text of its own is
    the 分野 of those below it; lines 条文：, 分野：, 基準日：, 想定質問： say the rest. Tables:
    a row is a card; 質問 and 回答 serve as 題名 and 本文. Without 条文, the articles named in the
    text are taken.

    Raises:
        UserError: with file and line, for what cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(
            f"この種類のファイルはカードとして読めません（{suffix or '拡張子なし'}）。",
            remedy=f"読めるのは {'・'.join(SUFFIXES)} です。",
            file=path,
        )
    if suffix in YAML:
        return read_cards(path)
    if suffix in (".md", ".markdown"):
        rows: Iterable[tuple[int, Mapping[str, str]]] = _markdown(path)
    else:
        rows = _excel(path) if suffix == ".xlsx" else _csv(path)
    cards: dict[str, Card] = {}
    for line, row in rows:
        for card in _cards(row, path, line):
            if card.id in cards:
                raise UserError(
                    f"題名か id の同じカードがあります（{card.title}）。",
                    remedy="題名か id を変えてください。",
                    file=path,
                    line=line,
                )
            cards[card.id] = card
        if len(cards) > _MAX_CARDS:
            raise UserError(
                f"カードが多すぎます（{_MAX_CARDS:,}枚まで）。",
                remedy="ファイルを分けてください。",
                file=path,
            )
    if not cards:
        raise UserError("カードになる行がありません。", remedy=_REMEDY, file=path)
    return list(cards.values())


def _cards(row: Mapping[str, str], path: Path, line: int) -> Iterator[Card]:
    """The card of a row; a long text makes several, cut between paragraphs or sentences."""
    title, text = row.get("title", "").strip(), row.get("text", "").strip()
    if not title or not text:
        what = "題名" if not title else "本文"
        raise UserError(f"{what}が空です。", remedy=_REMEDY, file=path, line=line)
    parts = _parts(text)
    named = row.get("id", "").strip()
    digest = hashlib.sha256(title.encode()).hexdigest()[:8]
    for number, part in enumerate(parts, 1):
        shown = f"{title}（{number}/{len(parts)}）" if len(parts) > 1 else title
        base = named or f"{_stem(path)}-{digest}"
        written = row.get("articles", "") or part
        values: dict[str, Any] = {
            "id": f"{base}-{number}" if len(parts) > 1 else base,
            "title": shown,
            "field": row.get("field", "").strip(),
            "text": part,
            "articles": tuple(dict.fromkeys(c.label for c in extract_citations(written))),
            "as_of": row.get("as_of", "").strip() or None,
            "reviewed": row.get("reviewed", "").strip() or None,
        }
        if "asks" in _KNOWN:
            asks = re.split(r"[\n｜|]", row.get("asks", ""))
            values["asks"] = tuple(ask.strip() for ask in asks if ask.strip())
        yield Card(**values)


def _parts(text: str) -> list[str]:
    if len(text) <= MAX_TEXT:
        return [text]
    parts = [""]
    for sentence in re.findall(r"[^。\n]*(?:。|\n|$)", text):
        if parts[-1] and len(parts[-1]) + len(sentence) > MAX_TEXT:
            parts.append("")
        parts[-1] += sentence
    return [part.strip() for part in parts if part.strip()]


def _markdown(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    text = read_text(path, [])
    above: list[tuple[int, str]] = []
    row: dict[str, str] = {"title": path.stem, "text": ""}
    start = 1

    def done() -> Iterator[tuple[int, Mapping[str, str]]]:
        if row["text"].strip():
            field = next((title for _, title in reversed(above[:-1])), "")
            yield start, {"field": field, **row}

    for number, line in enumerate(text.splitlines(), 1):
        if heading := _HEADING.match(line):
            yield from done()
            level, title = len(heading[1]), heading[2]
            above = [item for item in above if item[0] < level] + [(level, title)]
            row, start = {"title": title, "text": ""}, number
        elif detail := _DETAIL.match(line):
            key = _NAMES[detail[1]]
            row[key] = f"{row[key]}\n{detail[2]}" if key in row else detail[2]
        else:
            row["text"] += line + "\n"
    yield from done()


def _excel(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    with open_workbook(path) as book:
        found = False
        for sheet in book.worksheets:
            rows = ((n, [cell_text(value) for value in row]) for n, row in sheet_rows(path, sheet))
            for number, row in _table(path, rows, strict=False):
                found = True
                yield number, row
        if not found:
            raise UserError("題名と本文の列が見つかりません。", remedy=_REMEDY, file=path)


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    with open_text(path, [], newline="") as handle:
        reader = csv.reader(handle)
        try:
            yield from _table(path, ((reader.line_num, row) for row in reader if row), strict=True)
        except csv.Error as error:
            raise UserError(
                f"CSV として読めません（{error}）。",
                remedy="引用符が閉じているか確認してください。",
                file=path,
                line=reader.line_num,
            ) from None


def _table(
    path: Path, rows: Iterable[tuple[int, list[str]]], *, strict: bool
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Rows under our names; a sheet without the two columns needed is passed over."""
    columns: list[str | None] = []
    for number, row in rows:
        if not columns:
            columns = [_NAMES.get(cell.strip().lower()) for cell in row]
            # 題名 beside 質問: the first column of a meaning counts.
            columns = [c if c not in columns[:i] else None for i, c in enumerate(columns)]
            if not {"title", "text"} <= set(columns):
                if strict:
                    raise UserError(
                        "題名と本文の列が見つかりません。", remedy=_REMEDY, file=path, line=number
                    )
                return
            continue
        if any(cell.strip() for cell in row):
            yield (
                number,
                {c: v for c, v in zip(columns, row, strict=False) if c is not None},
            )


def _stem(path: Path) -> str:
    return "".join(c if c.isalnum() else "-" for c in path.stem)[:60] or "cards"


def _as_yaml(cards: Sequence[Card]) -> str:
    rows = []
    for card in cards:
        values = {name: getattr(card, name) for name in _KNOWN}
        rows.append(
            {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in values.items()
                if value or name in ("id", "title", "text")
            }
        )
    return yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=1000)
