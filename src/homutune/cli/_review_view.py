"""What ``homutune data review`` shows: the edits as a diff."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from rich.text import Text

from homutune.cli._console import out

if TYPE_CHECKING:
    from homutune.data import Review

#: Marking differences letter by letter takes quadratic time.
_MARKED_CHARACTERS = 2000
_FIELDS = {
    "kind": "種類",
    "field": "分野",
    "question": "質問",
    "answer": "回答",
    "articles": "条文",
}


def print_review(review: Review) -> None:
    """The edits of a reviewer as a diff, then remarks and numbers."""
    for edit in review.edits:
        out.print(Text(f"{edit.id} {_FIELDS[edit.field]}", "bold"))
        for line in diff(edit.old, edit.new):
            out.print(line, soft_wrap=True)
    for remark in review.remarks:
        if remark.comment:
            out.print(Text(f"{remark.id} コメント: {remark.comment}"), soft_wrap=True)
    for example_id in review.dropped:
        out.print(Text(f"{example_id} 除外", "red"))
    comments = sum(bool(remark.comment) for remark in review.remarks)
    out.print(
        f"変更 {len(review.edits)} か所、除外 {len(review.dropped)} 件、コメント {comments} 件"
    )


def diff(old: str, new: str) -> Iterator[Text]:
    """The lines that differ, ``- `` and ``+ ``, with the letters that differ in reverse."""
    before, after = old.split("\n"), new.split("\n")
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from _marked("\n".join(before[i:j]), "\n".join(after[k:m]), j > i, m > k)


def _marked(old: str, new: str, had: bool, has: bool) -> Iterator[Text]:
    texts = Text(old, "red"), Text(new, "green")
    if had and has and len(old) + len(new) <= _MARKED_CHARACTERS:
        for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag != "equal":
                texts[0].stylize("reverse", i, j)
                texts[1].stylize("reverse", k, m)
    for text, sign, shown in zip(texts, "-+", (had, has), strict=True):
        if shown:
            for line in text.split("\n", allow_blank=True):
                yield Text.assemble(Text(f"{sign} ", text.style), line)
