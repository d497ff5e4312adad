"""A contract under review: read again from its file, compared, decided; kept as a matter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from fastapi import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from homutune.assistant import (
    DECISIONS,
    DISCLAIMER,
    DISPUTE,
    Decision,
    Document,
    Finding,
    Hunk,
    Review,
    compare_template,
    imported_template_folder,
    list_templates,
    load_decisions,
    load_template,
    read_document,
    read_template,
    review_document,
    save_review,
    save_template,
)
from homutune.errors import UserError
from homutune.server import MatterRow
from homutune.web import _documents as documents
from homutune.web._context import Web, user_of, web_of
from homutune.web._opinions import with_opinions

KIND = "review"
PRIORITIES = ("高", "中", "低")
#: How the radio button of a team's own ひな形 begins; the rest is its name.
TEMPLATE = "template:"


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


def own(request: Request, matter_id: str) -> tuple[Web, MatterRow]:
    """The user's own review (404 otherwise)."""
    web = web_of(request)
    return web, web.matters.get(user_of(request), KIND, matter_id)


def own_reviewed(
    request: Request, matter_id: str
) -> tuple[Web, MatterRow, Review, dict[str, Decision]]:
    """The same, once it was compared."""
    web, matter = own(request, matter_id)
    if matter.status == "new":
        raise HTTPException(404)
    review, decisions = stored_review(web.matters.folder(matter), matter)
    return web, matter, review, decisions


def make_review(
    web: Web, matter: MatterRow, choice: str, party: str, sent: UploadFile | None
) -> Review:
    """Compare as chosen, and keep the result with the version it was made with.

    Args:
        choice: ``<type>/<side>`` of a playbook, ``template:<name>``, or ``template:`` for the
            ひな形 in ``sent``.

    Raises:
        UserError: the type, the side or the ひな形 is not known or cannot be read.
    """
    folder = web.matters.folder(matter)
    if choice.startswith(TEMPLATE):
        facts = _take_template(web, folder, choice.removeprefix(TEMPLATE), sent)
    else:
        type_, _, side = choice.partition("/")
        facts = {"type": type_, "side": side, "party": party, "template": ""}
    made = replace(_compared(documents.document_path(folder), **facts), file=matter.title)
    # Opinions are about the side that was chosen before.
    (folder / "opinions.json").unlink(missing_ok=True)
    decisions = load_decisions(folder, made)
    save_review(folder, made, decisions)
    web.matters.update(
        matter,
        status="reviewed",
        counts=dict(made.counts),
        version=made.playbook_version,
        decided=len(decisions),
        **facts,
    )
    return made


def _take_template(web: Web, folder: Path, name: str, sent: UploadFile | None) -> dict[str, str]:
    """A copy of the ひな形 for this review, so that it stays what it was compared with."""
    if name:
        template = next((t for t in list_templates(web.home) if t.template == name), None)
        if template is None:
            raise UserError(f"ひな形「{name}」がありません。", remedy="選び直してください。")
    else:
        title = documents.file_name(sent) if sent else ""
        path = folder / f"hinagata{documents.known_suffix(title)}"
        assert sent is not None
        documents.write_upload(path, sent)
        try:
            document = replace(read_document(path), path=Path(title))
            template = read_template(document)
        finally:
            path.unlink(missing_ok=True)
    save_template(folder, template)
    return {
        "type": "",
        "side": "",
        "party": "",
        "template": f"{template.template}@{template.version}",
    }


def stored_review(folder: Path, matter: MatterRow) -> tuple[Review, dict[str, Decision]]:
    """The review with its decisions; made again, so that findings and text always agree."""
    facts = {name: matter.facts.get(name, "") for name in ("type", "side", "party", "template")}
    made = replace(_compared(documents.document_path(folder), **facts), file=matter.title)
    return with_opinions(folder, made), load_decisions(folder, made)


@lru_cache(maxsize=8)
def _compared(path: Path, type: str, side: str, party: str, template: str) -> Review:
    document = documents.read(path.parent)
    if template:  # its version is part of the name, so that a newer one is read anew
        name = template.split("@")[0]
        return compare_template(
            document, load_template(imported_template_folder(path.parent) / f"{name}.yaml")
        )
    books = documents.playbooks()
    return review_document(document, books, contract_type=type, side=side, party=party or None)


def forget() -> None:
    """Keep no contract in memory after one was deleted."""
    documents.forget()
    _compared.cache_clear()


def common(review: Review, decisions: dict[str, Decision]) -> dict[str, Any]:
    """What every piece of a review's page needs."""
    known = {finding.id for finding in review.findings}
    return {
        "choices": DECISIONS,
        "done": len(known & set(decisions)),
        "total": len(known),
        "priorities": PRIORITIES,
        "disclaimer": DISCLAIMER,
        "dispute": DISPUTE,
    }


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


def changed(old: str, found: list[Hunk]) -> list[tuple[str, str]]:
    """``old`` with what changes in it: stretches of ("", text), ("del", text), ("ins", text)."""
    stretches, at = [], 0
    for hunk in found:
        stretches.append(("", old[at : hunk.start]))
        stretches.append(("del", old[hunk.start : hunk.end]))
        stretches.append(("ins", hunk.text))
        at = hunk.end
    stretches.append(("", old[at:]))
    return [(kind, text) for kind, text in stretches if text]
