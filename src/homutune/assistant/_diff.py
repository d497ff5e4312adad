"""What differs between two wordings, in whole words: a character diff turns 30日→60日 into 3→6."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

#: Numbers, words of one script, single marks. A run of kanji is one word: 損害賠償.
_TOKEN = re.compile(
    r"[0-9０-９]+(?:[.,．，][0-9０-９]+)*|[〇一二三四五六七八九十百千万億]+|[A-Za-zＡ-Ｚａ-ｚ]+|[ァ-ヺー]+"
    r"|[一-龥々〆]+|[ぁ-ゖ]+|.",
    re.DOTALL,
)
#: Sentences with less than this in common are shown as one replaced by the other.
_ALIKE = 0.4


@dataclass(frozen=True, slots=True)
class Hunk:
    """``old[start:end]`` becomes ``text``."""

    start: int
    end: int
    text: str


def tokens(text: str) -> list[str]:
    """The words of ``text``; joined they are the text."""
    return _TOKEN.findall(text)


def hunks(old: str, new: str) -> list[Hunk]:
    """What to change in ``old`` to get ``new``, left to right; equal lines are left alone."""
    before, after = _lines(old), _lines(new)
    found: list[Hunk] = []
    offsets = [0]
    for line in before:
        offsets.append(offsets[-1] + len(line))
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            found += _between(before[i:j], after[k:m], offsets[i])
    return [hunk for hunk in (_trimmed(old, hunk) for hunk in found) if hunk]


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _trimmed(old: str, hunk: Hunk) -> Hunk | None:
    """Without the newlines that both sides begin or end with; None where nothing is left."""
    start, end, text = hunk.start, hunk.end, hunk.text
    if old[start:end] == text:
        return None
    while start < end and text and old[end - 1] == text[-1] == "\n":
        end, text = end - 1, text[:-1]
    while start < end and text and old[start] == text[0] == "\n":
        start, text = start + 1, text[1:]
    return Hunk(start, end, text)


def _between(before: list[str], after: list[str], start: int) -> Iterator[Hunk]:
    """Lines in which something differs: word by word, or line for line where little is alike."""
    old, new = "".join(before), "".join(after)
    if len(before) != len(after) and _alike(old, new):
        yield from _words(old, new, start)
        return
    common = min(len(before), len(after))
    for index in range(common):
        line, other = before[index], after[index]
        last = index == common - 1
        # What one side has more goes with its last line, so that newlines stay whole.
        rest_old = "".join(before[common:]) if last else ""
        rest_new = "".join(after[common:]) if last else ""
        if rest_old or rest_new:
            body, other_body = line.rstrip("\n"), other.rstrip("\n")
            yield from _line(body, other_body, start)
            at = start + len(body)
            yield Hunk(
                at,
                start + len(line) + len(rest_old),
                other[len(other_body) :] + rest_new,
            )
        else:
            yield from _line(line, other, start)
        start += len(line)
    if not common:
        yield Hunk(start, start + len(old), new)


def _line(old: str, new: str, start: int) -> Iterator[Hunk]:
    if _alike(old, new):
        yield from _words(old, new, start)
        return
    tail = 0
    while tail < min(len(old), len(new)) and old[-1 - tail] == new[-1 - tail] == "\n":
        tail += 1
    yield Hunk(start, start + len(old) - tail, new[: len(new) - tail])


def _alike(old: str, new: str) -> bool:
    a, b = tokens(old), tokens(new)
    return SequenceMatcher(None, a, b, autojunk=False).ratio() >= _ALIKE


def _words(old: str, new: str, start: int) -> Iterator[Hunk]:
    a, b = tokens(old), tokens(new)
    offsets = [start]
    for token in a:
        offsets.append(offsets[-1] + len(token))
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag != "equal":
            yield Hunk(offsets[i], offsets[j], "".join(b[k:m]))
