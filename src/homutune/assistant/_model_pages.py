"""A contract put before a model: page by page, in a fence, and the way back to exact places.

The model reads the visible text in a fence that the text cannot close. It has no tools. What it
quotes must stand in the page that it was shown; what it only claims is dropped.
"""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from homutune.assistant._clauses import Clause
from homutune.assistant._document import Document
from homutune.assistant._instructions import addressed_sentences, blanked
from homutune.assistant._shadow import Shadow
from homutune.client import BadReply, LegalModel, Options

Messages = list[dict[str, str]]
#: From messages to the text of the answer; the way to the model is the caller's.
Ask = Callable[[Messages], str]
_CHUNK = 1_500
_MIN_QUOTE = 6


class SchemaAsker:
    """The way to a :class:`LegalModel` that must answer by a JSON Schema; an :data:`Ask`.

    An answer that is out of form, even when asked again, counts as an empty one: a small model
    that fails at one page has still read the others.

    Attributes:
        unread: answers out of form.
    """

    def __init__(self, model: LegalModel, schema: dict[str, Any], max_tokens: int) -> None:
        self._model = model
        self._schema = schema
        self._options = Options(temperature=0.0, max_tokens=max_tokens)
        self.unread = 0

    def __call__(self, messages: Messages) -> str:
        """The answer as JSON; "" where it is out of form.

        Raises:
            ModelError: no answer.
        """
        try:
            reply = self._model.ask(messages, schema=self._schema, options=self._options)
        except BadReply:
            self.unread += 1
            return ""
        # Not its text: there the names put back may break the JSON.
        return json.dumps(reply.data, ensure_ascii=False)


def pages(clauses: Sequence[Clause]) -> Iterator[list[Clause]]:
    """Clauses that follow each other, about a page at a time."""
    chunk: list[Clause] = []
    for clause in clauses:
        if chunk and clause.end - chunk[0].start > _CHUNK:
            yield chunk
            chunk = []
        chunk.append(clause)
    if chunk:
        yield chunk


def fence(document: Document, start: int, end: int) -> tuple[str, str, str]:
    """Opening mark, closing mark, and ``document.text[start:end]`` between them."""
    nonce = secrets.token_hex(8)
    opening, closing = f"<契約書-{nonce}>", f"</契約書-{nonce}>"
    # What speaks to a machine is shown to the person, not to the model.
    shown = blanked(document, addressed_sentences(document.text)).text[start:end]
    text = "".join(c for c in shown if unicodedata.category(c) not in ("Cf", "Co", "Cn"))
    return opening, closing, f"{opening}\n{text}\n{closing}"


def snap(document: Document, quote: str, start: int, end: int) -> tuple[int, int] | None:
    """Where the quote first stands in the part that was shown; spaces and widths aside."""
    return next(snaps(document, quote, start, end), None)


def snaps(document: Document, quote: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """All places of the quote in the part that was shown; none for one too short to tell."""
    wanted = Shadow(quote).text
    if len(wanted) < _MIN_QUOTE:
        return
    shadow = Shadow(document.text[start:end])
    at = shadow.text.find(wanted)
    while at >= 0:
        low, high = shadow.span(at, at + len(wanted))
        yield start + low, start + high
        at = shadow.text.find(wanted, at + len(wanted))


def one_line(remark: str) -> str:
    """One line of text: no control characters, no addresses that a reader might follow."""
    text = "".join(c for c in remark if unicodedata.category(c)[0] != "C" or c == "\n")
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"(?:https?|ftp|file|javascript|data):\S*", "（URL 省略）", text, flags=re.I)
    return " ".join(text.split())[:300]
