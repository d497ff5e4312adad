"""データ・質問と回答の編集: one at a time, checked; a version is never overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.data import KINDS, Example, create_dataset, open_dataset, texts_of
from homutune.errors import UserError
from homutune.web._context import Web, go, web_of
from homutune.web._editing import TEXTS, Bench, Result
from homutune.web._imports import checked, pieces, save_examples, undo
from homutune.web.pages.data import imported

router = APIRouter(prefix="/data")
HEADINGS = {
    "question": "質問",
    "answer": "回答",
    "kind": "種類",
    "field": "分野",
    "articles": "条文",
}
_PAGE = 25
_SHOWN = 200
PageNumber = Annotated[int, Query(ge=1)]
Number = Annotated[int, Query(ge=0)]
#: A browser sends each line break as two characters and counts one.
Text = Annotated[str, Form(max_length=2 * 32_767)]


@dataclass(frozen=True, slots=True)
class _Given:
    """What was sent with the form."""

    number: int
    id: str
    do: Literal["check", "save", "drop"]
    texts: dict[str, str]
    cards: str
    side: str

    def apply(self, bench: Bench) -> Result:
        """What comes of it.

        Raises:
            UserError: it cannot be done.
            HTTPException: 404, the example is not there.
        """
        if self.number:
            if bench.find(self.number, self.id) is None:
                raise HTTPException(404)
            if self.do == "drop":
                return bench.drop(self.number)
            return bench.change(self.number, self.texts)
        return bench.add(self.texts, self.cards, self.side)


def _given(
    do: Annotated[Literal["check", "save", "drop"], Form()],
    number: Annotated[int, Form(ge=0)] = 0,
    id: Annotated[str, Form(max_length=500)] = "",
    question: Text = "",
    answer: Text = "",
    kind: Text = "",
    field: Text = "",
    articles: Text = "",
    cards: Annotated[str, Form(max_length=2000)] = "",
    side: Annotated[Literal["train", "valid"], Form()] = "train",
) -> _Given:
    texts = dict(zip(TEXTS, (question, answer, kind, field, articles), strict=True))
    return _Given(number, id, do, texts, cards, side)


Given = Annotated[_Given, Depends(_given)]


@router.get("/imports/{matter_id}/examples")
def import_table(request: Request, matter_id: str, page: PageNumber = 1, q: str = "") -> Response:
    """The pairs of an import."""
    web, matter = imported(request, matter_id)
    examples = checked(web.matters.folder(matter)).examples
    base = f"/data/imports/{matter.id}"
    return _table(request, web, matter.title, base, list(enumerate(examples, 1)), page, q)


@router.get("/datasets/{name}/examples")
def dataset_table(
    request: Request, name: str, page: PageNumber = 1, q: str = "", side: str = ""
) -> Response:
    """The pairs of a version."""
    web = web_of(request)
    dataset = open_dataset(web.home, name)
    sides = {"train": set(dataset.split.train), "valid": set(dataset.split.valid)}
    rows = [
        (number, example)
        for number, example in enumerate(dataset.examples, 1)
        if side not in sides or example.meta.id in sides[side]
    ]
    return _table(request, web, dataset.name, f"/data/datasets/{dataset.name}", rows, page, q, side)


@router.get("/imports/{matter_id}/example")
def show_imported(request: Request, matter_id: str, number: Number = 0) -> Response:
    """The form for one pair of an import; an empty one for number 0."""
    web, matter = imported(request, matter_id)
    bench = _bench(web.matters.folder(matter))
    return _form(request, web, matter.title, f"/data/imports/{matter.id}", bench, number)


@router.post("/imports/{matter_id}/example")
def save_imported(request: Request, matter_id: str, given: Given) -> Response:
    """Check or keep it; an error elsewhere, or here, can be repaired later."""
    web, matter = imported(request, matter_id)
    bench, base = _bench(web.matters.folder(matter)), f"/data/imports/{matter.id}"
    try:
        result = given.apply(bench)
    except UserError as problem:
        return _form(request, web, matter.title, base, bench, given.number, given, problem=problem)
    if given.do == "check":
        return _form(request, web, matter.title, base, bench, given.number, given, result)
    save_examples(web.matters.folder(matter), result.examples)
    web.matters.update(matter, count=len(result.examples))
    if given.do == "drop":
        return go(base)
    number = given.number or len(result.examples)
    return go(f"{base}/examples?page={-(-number // _PAGE)}#e{number}")


@router.post("/imports/{matter_id}/undo")
def take_back(request: Request, matter_id: str) -> Response:
    """Take the last change of an import back."""
    web, matter = imported(request, matter_id)
    web.matters.update(matter, count=undo(web.matters.folder(matter)))
    return go(f"/data/imports/{matter.id}")


@router.get("/datasets/{name}/example")
def show_example(request: Request, name: str, number: Number = 0) -> Response:
    """The form for one pair of a version; an empty one for number 0."""
    web = web_of(request)
    dataset = open_dataset(web.home, name)
    bench = Bench(dataset.examples, dataset.cards, dataset)
    return _form(request, web, dataset.name, f"/data/datasets/{dataset.name}", bench, number)


@router.post("/datasets/{name}/example")
def save_example(request: Request, name: str, given: Given) -> Response:
    """Check it, or make a new version with it; what is an error makes none."""
    web = web_of(request)
    dataset = open_dataset(web.home, name)
    bench, base = Bench(dataset.examples, dataset.cards, dataset), f"/data/datasets/{dataset.name}"
    try:
        result = given.apply(bench)
    except UserError as problem:
        return _form(request, web, dataset.name, base, bench, given.number, given, problem=problem)
    if given.do == "check" or not result.is_sound or result.split is None:
        return _form(request, web, dataset.name, base, bench, given.number, given, result)
    made = create_dataset(
        web.home,
        result.examples,
        dataset.cards,
        result.split,
        sources=dataset.manifest.sources,
        checks=result.report.summary,
        parents=[dataset.name],
    )
    return go(f"/data/datasets/{made.name}/changes?since={dataset.name}")


@router.get("/datasets/{name}/changes")
def show_changes(request: Request, name: str, since: str = "") -> Response:
    """How a version differs from the one it was made from."""
    web = web_of(request)
    dataset = open_dataset(web.home, name)
    parents = dataset.manifest.parents
    if not since and not parents:
        raise HTTPException(404)
    older = open_dataset(web.home, since or parents[0])
    before = {example.meta.id: example for example in older.examples}
    after = {example.meta.id: example for example in dataset.examples}
    changed = [key for key, new in after.items() if key in before and new != before[key]]
    added = [example for key, example in after.items() if key not in before]
    left_out = [example for key, example in before.items() if key not in after]
    return web.page(
        request,
        "data/changes.html",
        dataset=dataset,
        older=older,
        changed=[(key, _parts(before[key], after[key])) for key in changed[:_SHOWN]],
        added=added[:_SHOWN],
        left_out=left_out[:_SHOWN],
        counts=(len(changed), len(added), len(left_out)),
        limit=_SHOWN,
    )


def _parts(old: Example, new: Example) -> list[tuple[str, list[tuple[str, str]]]]:
    """Heading and pieces of each text that differs; empty where the change lies elsewhere."""
    before, after = texts_of(old), texts_of(new)
    return [(HEADINGS[n], pieces(before[n], after[n])) for n in TEXTS if before[n] != after[n]]


def _bench(folder: Path) -> Bench:
    found = checked(folder)
    return Bench(found.examples, found.cards)


def _form(
    request: Request,
    web: Web,
    title: str,
    base: str,
    bench: Bench,
    number: int,
    given: _Given | None = None,
    result: Result | None = None,
    problem: UserError | None = None,
) -> Response:
    example = bench.find(number)
    if number and example is None:
        raise HTTPException(404)
    # A row that could not be read as a conversation has no texts; it can only be left out.
    readable = example is None or any(m.get("role") == "assistant" for m in example.messages)
    texts = dict.fromkeys(TEXTS, "")
    if given is not None:
        texts = given.texts
    elif example is not None and readable:
        texts = texts_of(example)
    refused = given is not None and given.do != "check" and result is not None
    return web.page(
        request,
        "data/example.html",
        status=400 if refused or problem else 200,
        title=title,
        base=base,
        number=number,
        example=example,
        readable=readable,
        texts=texts,
        given=given,
        result=result,
        refused=refused,
        problem=problem,
        kinds=KINDS,
        fields=sorted({e.meta.field for e in bench.examples if e.meta.field}),
        cards=bench.cards,
        dataset=bench.dataset,
    )


def _table(
    request: Request,
    web: Web,
    title: str,
    base: str,
    examples: list[tuple[int, Example]],
    page: int,
    q: str,
    side: str = "",
) -> Response:
    found = [
        (number, example)
        for number, example in examples
        if not q or q in example.question or q in example.answer or q in example.meta.id
    ]
    pages = max(1, -(-len(found) // _PAGE))
    page = min(page, pages)
    return web.page(
        request,
        "data/examples.html",
        title=title,
        base=base,
        rows=found[(page - 1) * _PAGE : page * _PAGE],
        count=len(found),
        page=page,
        pages=pages,
        q=q,
        side=side,
    )
