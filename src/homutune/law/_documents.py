"""The citations of a document, each with the line it stands on."""

from __future__ import annotations

import bisect
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from homutune.errors import UserError
from homutune.law._citations import Citation, extract_citations
from homutune.law._store import LawStore
from homutune.law._verdicts import Finding, check_citation

SUFFIXES = (".txt", ".md", ".yaml", ".yml", ".jsonl")
MAX_BYTES = 20 * 2**20


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and its line, counted from 1."""

    line: int
    finding: Finding


def check_document(path: Path, store: LawStore | None = None) -> list[Located]:
    """Check every citation in a text, Markdown, YAML or JSONL file.

    Strings of a YAML or JSONL file are read one by one, so that 同法 in one example does not
    reach into the one before.

    Raises:
        UserError: no such file, of another kind, too large, or not what its name says.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"この種類のファイルは読めません（{path.suffix or '拡張子なし'}）。",
            file=path,
            remedy=f"読めるのは {'、'.join(SUFFIXES)} です。テキストに変換してください。",
        )
    return check_text(_read(path), store, kind=path.suffix.lower(), file=path)


def check_text(
    text: str, store: LawStore | None = None, *, kind: str = ".txt", file: Path | None = None
) -> list[Located]:
    """Check every citation in ``text``, which is written as files of ``kind`` are."""
    try:
        located = {".jsonl": _in_jsonl, ".yaml": _in_yaml, ".yml": _in_yaml}.get(kind, _in_text)
        return [Located(line, check_citation(c, store)) for line, c in located(text, file)]
    except RecursionError:
        raise UserError(
            "データの入れ子が深すぎます。", file=file, remedy="入れ子を浅くしてください。"
        ) from None


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(
                f"ファイルが大きすぎます（上限 {MAX_BYTES // 2**20} MB）。",
                file=path,
                remedy="ファイルを分けてください。",
            )
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"ファイルを読めません（{error.strerror}）。",
            file=path,
            remedy="ファイルの場所と権限を確認してください。",
        ) from None
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(
        "文字コードを判定できません（UTF-8 でも Shift_JIS でもありません）。",
        file=path,
        remedy="UTF-8 で保存し直してください。",
    )


def _in_text(text: str, file: Path | None) -> Iterator[tuple[int, Citation]]:
    ends = [offset for offset, char in enumerate(text) if char == "\n"]
    for citation in extract_citations(text):
        yield bisect.bisect_left(ends, citation.start) + 1, citation


def _in_jsonl(text: str, file: Path | None) -> Iterator[tuple[int, Citation]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            raise UserError(
                "JSON として読めません。", file=file, line=number, remedy="書式を直してください。"
            ) from None
        for string in _strings(row):
            for citation in extract_citations(string):
                yield number, citation


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(_strings, value))
    elif isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(_strings, value.values()))


def _in_yaml(text: str, file: Path | None) -> Iterator[tuple[int, Citation]]:
    lines = text.split("\n")
    try:
        documents = list(yaml.compose_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError(
            "YAML として読めません。",
            file=file,
            line=mark.line + 1 if mark else None,
            remedy="字下げとコロンの位置を確認してください。",
        ) from None
    seen: set[int] = set()
    for scalar in itertools.chain.from_iterable(_scalars(one, seen) for one in documents):
        line = scalar.start_mark.line
        for citation in extract_citations(scalar.value):
            # A folded string has lost its lines: the citation is looked for in the file's own.
            head = citation.text.split("\n")[0][:6]
            last = min(scalar.end_mark.line, len(lines) - 1)
            line = next((n for n in range(line, last + 1) if head in lines[n]), line)
            yield line + 1, citation


def _scalars(node: Any, seen: set[int]) -> Iterator[Any]:
    if node is None or id(node) in seen:  # an alias; following it could take for ever
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        yield from itertools.chain.from_iterable(_scalars(child, seen) for child in node.value)
    elif isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            yield from _scalars(key, seen)
            yield from _scalars(child, seen)
