"""A contract under review: read again from its file, compared, decided; kept as a matter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from homutune.assistant import (
    Decision,
    Document,
    Finding,
    Playbook,
    Review,
    detect_type,
    load_decisions,
    load_playbooks,
    read_contract,
    read_document,
    review_document,
    save_review,
)
from homutune.server import MatterRow

KIND = "review"
SUFFIXES = (".docx", ".pdf", ".txt", ".md", ".html", ".htm")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one block; ``findings`` are the ids of what was found there."""

    text: str
    findings: tuple[str, ...] = ()
    #: The findings that begin here, for the place a card points to.
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One block of the contract, cut where findings begin and end."""

    kind: str
    spans: tuple[Span, ...]


def contract_path(folder: Path) -> Path:
    """The contract as it came; its own name is in the matter's title only."""
    return next(folder.glob("contract.*"))


def read(folder: Path) -> Document:
    """The contract of a matter.

    Raises:
        UserError: it cannot be read.
    """
    return _read(contract_path(folder))


@lru_cache(maxsize=8)
def _read(path: Path) -> Document:
    return read_document(path)  # a matter's contract is never replaced


@cache
def playbooks() -> dict[str, Playbook]:
    """The bundled playbooks by type."""
    return load_playbooks()


def likely_types(folder: Path) -> list[str]:
    """Types by how much speaks for them, best first."""
    return [name for name, _ in detect_type(read_contract(read(folder)), playbooks())]


def make_review(folder: Path, matter: MatterRow, type_: str, side: str, party: str) -> Review:
    """Compare, and keep the result with the playbook version it was made with.

    Raises:
        UserError: the type or the side is not known.
    """
    made = review_document(
        read(folder), playbooks(), contract_type=type_, side=side, party=party or None
    )
    made = replace(made, file=matter.title)
    save_review(folder, made, load_decisions(folder, made))
    return made


def stored_review(folder: Path, matter: MatterRow) -> tuple[Review, dict[str, Decision]]:
    """The review with its decisions; made again, so that findings and text always agree."""
    facts = matter.facts
    made = _review(contract_path(folder), facts["type"], facts["side"], facts["party"])
    made = replace(made, file=matter.title)
    return made, load_decisions(folder, made)


@lru_cache(maxsize=8)
def _review(path: Path, type_: str, side: str, party: str) -> Review:
    return review_document(
        _read(path), playbooks(), contract_type=type_, side=side, party=party or None
    )


def forget() -> None:
    """Keep no contract in memory after one was deleted."""
    _read.cache_clear()
    _review.cache_clear()


def paragraphs(document: Document, findings: tuple[Finding, ...]) -> list[Paragraph]:
    """The contract block by block, with every finding's quote marked, overlaps included."""
    placed = [(f.start, f.end, f.id) for f in findings if f.start is not None and f.end is not None]
    result = []
    for block in document.blocks:
        inside = [
            (max(start, block.start), min(end, block.end), name, start >= block.start)
            for start, end, name in placed
            if start < block.end and end > block.start
        ]
        cuts = sorted(
            {block.start, block.end, *(p for start, end, *_ in inside for p in (start, end))}
        )
        spans = []
        for low, high in pairwise(cuts):
            here = [item for item in inside if item[0] <= low and item[1] >= high]
            spans.append(
                Span(
                    document.text[low:high],
                    tuple(name for *_, name, _ in here),
                    tuple(name for start, _, name, whole in here if whole and start == low),
                )
            )
        kind = {"見出し": "head", "脚注": "note", "ヘッダー": "note", "フッター": "note"}
        result.append(Paragraph(kind.get(block.kind, "text"), tuple(spans)))
    return result
