"""``homutune data import``: any file of pairs into the project's own form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homutune.cli._console import print_json, tell
from homutune.cli._data_load import examples, tell_notes
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.data import ChoiceQuestion, Example

EPILOG = examples(
    "homutune data import 相談記録.xlsx",
    "homutune data import 相談.csv --map 照会=question --map 見解=answer",
    "homutune data import sharegpt.jsonl --dry-run   書き込まずに確かめる",
    "homutune data import 択一.csv --choices         択一問題（評価用）を取り込む",
)
_SHOWN = 2
_CHARACTERS = 60


def import_(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Excel・CSV・TSV・JSONL・JSON・YAML・Parquet のファイル。"
        ),
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="見出し=項目",
            help="列の対応（例: --map 照会=question --map 見解=answer）。"
            "「見出し=」とすると、その列を使いません。",
            show_default=False,
        ),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option("--sheet", help="Excel のシート名。省くと質問と回答のある最初のシート。"),
    ] = None,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="書き込む JSONL。省くと data/qa/（択一問題は data/choices/）の中。",
            show_default=False,
        ),
    ] = None,
    choices: Annotated[
        bool, typer.Option("--choices", help="択一問題（問題・選択肢・正解）として読みます。")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="読み方を示すだけで、書き込みません。")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="同じ名前のファイルがあれば置き換えます。")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """手元のファイルを読み取り、列の対応を示して、data/ に取り込みます。"""
    folder = Path("data") / ("choices" if choices else "qa")
    target = out_file or folder / f"{path.stem}.jsonl"
    if target.suffix.lower() != ".jsonl":
        raise UserError(
            "取り込み先は .jsonl にしてください。",
            remedy=f"--out {target.with_suffix('.jsonl')} のように指定してください。",
        )
    if not dry_run and target.exists() and not overwrite:
        raise UserError(
            "同じ名前のファイルがすでにあります。",
            remedy="--out で別の名前を指定するか、--overwrite を付けてください。",
            file=target,
        )
    notes: list[str] = []
    read = _import_choices if choices else _import_examples
    count, first = read(path, notes, _column_map(columns), sheet, None if dry_run else target)
    if as_json:
        print_json(
            {
                "file": str(path),
                "out": None if dry_run else str(target),
                "count": count,
                "notes": notes,
                "first": first,
            }
        )
        return
    tell_notes(notes)
    for item in first:
        for heading, text in item.items():
            tell(f"  {heading}: {_short(text)}", style="dim")
    if dry_run:
        tell(f"{count} 件を読めます。まだ書き込んでいません（--dry-run）。")
        return
    tell(f"{count} 件を {target} に取り込みました。")
    if not choices:
        tell(f"次: homutune data check {target}", style="dim")


def _column_map(given: Sequence[str] | None) -> dict[str, str]:
    """The mapping that ``--map 見出し=項目`` stands for.

    Raises:
        UserError: without ``=``.
    """
    parts = [text.rpartition("=") for text in given or ()]
    if wrong := [text for text, sign, _ in parts if not sign or not text]:
        raise UserError(
            f"--map の書き方が違います（{'、'.join(wrong) or '見出しがありません'}）。",
            remedy="「見出し=項目」の形にしてください（例: --map 照会=question）。",
        )
    return {heading.strip(): field.strip() for heading, _, field in parts}


def _import_examples(
    path: Path, notes: list[str], columns: dict[str, str], sheet: str | None, target: Path | None
) -> tuple[int, list[dict[str, Any]]]:
    """Number of examples, and the first of them; written one by one as they are read."""
    from homutune.data import iter_examples, write_examples

    first: list[dict[str, Any]] = []

    def watched() -> Iterator[Example]:
        for example in iter_examples(path, notes, columns=columns, sheet=sheet):
            if len(first) < _SHOWN:
                shown = {"id": example.meta.id, "質問": example.question, "回答": example.answer}
                first.append(shown)
            yield example

    if target is None:
        return sum(1 for _ in watched()), first
    return write_examples(target, watched()), first


def _import_choices(
    path: Path, notes: list[str], columns: dict[str, str], sheet: str | None, target: Path | None
) -> tuple[int, list[dict[str, Any]]]:
    from homutune.data import read_choices, write_choices

    questions = read_choices(path, notes, columns=columns, sheet=sheet)
    if target is not None:
        write_choices(target, questions)
    return len(questions), [_choice(question) for question in questions[:_SHOWN]]


def _choice(question: ChoiceQuestion) -> dict[str, Any]:
    return {
        "id": question.id,
        "問題": question.question,
        "選択肢": " / ".join(question.options),
        "正解": question.options[question.answer],
    }


def _short(text: Any) -> str:
    line = " ".join(str(text).encode("utf-8", "backslashreplace").decode().split())
    return line if len(line) <= _CHARACTERS else f"{line[:_CHARACTERS]}…"
