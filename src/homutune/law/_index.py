"""The facts about every law that ship with the package: which laws and articles there are.

``index.tsv.xz`` is written by ``scripts/build_law_index.py`` from e-Gov data. Its first line is a
JSON object with the dates of the data; every further line is a law, in seven cells::

    law_id  status  title  law number  articles  paragraphs  captions

``status`` is ``x`` for a law that is no longer in force. ``articles`` are runs such as
``1-3 3_2-4 4-37 x38-84`` (第1条–第3条, 第3条の2–の4, 第4条–第37条, 第38条–第84条 deleted);
``paragraphs`` (``1,2,,1``) and ``captions`` (``目的|定義||雑則``) go with the articles that are
not deleted, empty where unknown. There is no statute text in it.
"""

from __future__ import annotations

import functools
import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

INDEX_FILE = "index.tsv.xz"
FORMAT = 1

#: 昭和二十二年法律第五十四号（私的独占の…法律）: the name in use is in the brackets.
_UNTITLED = re.compile(r"(?:明治|大正|昭和|平成|令和).+?号（(?P<name>.+)）")


def expand(articles: str) -> Iterator[tuple[str, bool]]:
    """The single article numbers of a cell, each with whether it is deleted.

    >>> list(expand("1-2 2_2-3 x3"))
    [('1', False), ('2', False), ('2_2', False), ('2_3', False), ('3', True)]
    """
    for run in articles.split():
        deleted = run.startswith("x")
        first, _, last = run.removeprefix("x").partition("-")
        stem, mark, start = first.rpartition("_")
        for number in range(int(start), int(last or start) + 1):
            yield f"{stem}{mark}{number}", deleted


@dataclass(frozen=True, slots=True)
class Article:
    """What is known of one article: ``None`` is "not known", not "none"."""

    number: str
    deleted: bool
    paragraphs: int | None
    #: Without parentheses, e.g. 債務不履行による損害賠償.
    caption: str | None


@dataclass(frozen=True)
class Law:
    """One law of the index."""

    law_id: str
    in_force: bool
    #: e.g. 個人情報の保護に関する法律; for a law without a title the name in use.
    title: str
    #: e.g. 平成十五年法律第五十七号.
    law_num: str
    _cells: tuple[str, str, str]

    @functools.cached_property
    def articles(self) -> dict[str, Article]:
        """All articles of the main provisions by number (``"548_2"``), in order."""
        runs, paragraphs, captions = self._cells
        counts = iter(paragraphs.split(","))
        names = iter(captions.split("|"))
        found = {}
        for number, deleted in expand(runs):
            count = "" if deleted else next(counts, "")
            name = "" if deleted else next(names, "")
            found[number] = Article(number, deleted, int(count) if count else None, name or None)
        return found

    @property
    def last_number(self) -> int:
        """The highest main number of an article, 0 for a law without articles."""
        return max((int(n.split("_")[0]) for n in self.articles), default=0)

    @property
    def url(self) -> str:
        """The law's page at e-Gov法令検索."""
        return f"https://laws.e-gov.go.jp/law/{self.law_id}"

    def neighbour(self, number: str, step: int) -> str | None:
        """The article before (``-1``) or after (``1``) ``number``; deleted ones count too."""
        numbers = list(self.articles)
        try:
            position = numbers.index(number) + step
        except ValueError:
            return None
        return numbers[position] if 0 <= position < len(numbers) else None


class LawIndex:
    """All laws, found by title, law number or law_id."""

    def __init__(self, lines: list[str]) -> None:
        header = json.loads(lines[0])
        if header["format"] != FORMAT:
            raise ValueError(f"law index of format {header['format']}, not {FORMAT}")
        #: ISO date of the article numbers: 確認済み means "existed on that day".
        self.date: str = header["articles_date"]
        #: Month of the captions and paragraph counts.
        self.captions_date: str = header["captions_date"]
        self.source: str = header["source"]
        self._lines = lines
        self._rows: dict[str, list[int]] = {}
        self._titles: list[tuple[str, str]] = []
        for row in range(1, len(lines)):
            law_id, _, title, law_num, _ = lines[row].split("\t", 4)
            # Nearly every title is a plain one: the cheap look saves a search each.
            inner = _UNTITLED.fullmatch(title) if title[-1] == "）" else None
            name = inner["name"] if inner else title
            self._titles.append((name, law_num))
            for key in (name, title, law_id, law_num) if inner else (title, law_id, law_num):
                if key:  # a few 臨時措置法 come without a number
                    self._rows.setdefault(key, []).append(row)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __len__(self) -> int:
        """The number of laws in force."""
        return sum(line.split("\t", 2)[1] == "" for line in self._lines[1:])

    def titles(self) -> list[tuple[str, str]]:
        """Title (the name in use) and law number of every law, those in force first."""
        return self._titles

    def find(self, name: str) -> list[Law]:
        """The laws of that title, law number or law_id, those in force first.

        A few titles belong to more than one law (政令 on the same subject, an old and a new law).
        """
        laws = [self._law(row) for row in self._rows.get(name, ())]
        return sorted(laws, key=lambda law: not law.in_force)

    @functools.cache  # noqa: B019 - there is one index per process
    def _law(self, row: int) -> Law:
        law_id, status, title, law_num, *cells = self._lines[row].split("\t")
        inner = _UNTITLED.fullmatch(title)
        return Law(
            law_id=law_id,
            in_force=not status,
            title=inner["name"] if inner else title,
            law_num=law_num,
            _cells=(cells[0], cells[1], cells[2]),
        )


@functools.cache
def law_index() -> LawIndex:
    """The index of the package; read once per process, on first use."""
    packed = (resources.files("homutune.law") / INDEX_FILE).read_bytes()
    return LawIndex(lzma.decompress(packed).decode("utf-8").rstrip("\n").split("\n"))
