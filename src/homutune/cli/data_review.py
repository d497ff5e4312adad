"""``homutune data review``: a dataset to reviewers in Excel, and their edits back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homutune.cli._console import print_json, tell
from homutune.cli._data_load import examples, tell_notes
from homutune.cli._options import AsJson
from homutune.cli._review_view import print_review
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.data import Dataset, Review

app = typer.Typer(
    help="Excel での校閲：書き出しと、直した内容の取り込み。",
    epilog=examples(
        "homutune data review export              最新のデータセットを Excel に書き出す",
        "homutune data review import 校閲済み.xlsx  直した所を示し、新しい版を作る",
    ),
    no_args_is_help=True,
    add_completion=False,
)


@app.command(
    epilog=examples(
        "homutune data review export",
        "homutune data review export ds-0123 --out 校閲用.xlsx",
    )
)
def export(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="データセットの名前、または latest。")
    ] = "latest",
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Excel ファイル。省くと データセット名-review.xlsx。", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="同じ名前のファイルがあれば置き換えます。")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """校閲用の Excel を書き出します。"""
    from homutune.data import open_dataset, write_review
    from homutune.settings import load_settings

    opened = open_dataset(load_settings().home, dataset)
    path = out_file or Path(f"{opened.name}-review.xlsx")
    if path.suffix.lower() != ".xlsx":
        raise UserError(
            "校閲用のファイルは .xlsx です。", remedy=f"--out {path.with_suffix('.xlsx')}"
        )
    if path.exists() and not overwrite:
        raise UserError(
            "同じ名前のファイルがすでにあります（校閲の結果が入っているかもしれません）。",
            remedy="--out で別の名前を指定するか、--overwrite を付けてください。",
            file=path,
        )
    write_review(path, opened)
    if as_json:
        print_json({"dataset": opened.name, "file": str(path), "examples": len(opened.examples)})
        return
    tell(f"{path}  {len(opened.examples)}件（{opened.name}）")
    tell(f"次: 直したら homutune data review import {path}", style="dim")


@app.command(
    "import",
    epilog=examples(
        "homutune data review import 校閲済み.xlsx",
        "homutune data review import 校閲済み.xlsx --dry-run     差分を見るだけ",
        "homutune data review import 二人目.xlsx --into latest  ほかの人の直しに重ねる",
    ),
)
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="校閲済みの Excel ファイル。")],
    into: Annotated[
        str | None,
        typer.Option(
            help="直しを重ねるデータセット。省くと、Excel の元になった版。", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="差分を示すだけで、版を作りません。")
    ] = False,
    allow_errors: Annotated[
        bool, typer.Option("--allow-errors", help="検査のエラーが残っていても版を作ります。")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """校閲済みの Excel から、直した所を示して新しい版を作ります。元の版は変わりません。"""
    from homutune.data import merge_review, open_dataset, read_review, review_base
    from homutune.settings import load_settings

    home = load_settings().home
    base = open_dataset(home, review_base(path))
    target = base if into is None else open_dataset(home, into)
    review = read_review(path, base)
    merged = merge_review(target, review)
    made = None
    if not dry_run and tuple(merged[0]) != target.examples:
        made = _create(home, path, base, target, review, merged, allow_errors)
    if as_json:
        print_json(
            {
                "parent": target.name,
                "dataset": made.name if made else None,
                "changes": [asdict(edit) for edit in review.edits],
                "dropped": list(review.dropped),
                "remarks": [asdict(remark) for remark in review.remarks],
                "notes": list(review.notes),
            }
        )
        return
    tell_notes(review.notes)
    print_review(review)
    if made:
        tell(f"新しい版 {made.name}（元の版 {target.name}）を作りました。", style="bold green")
        tell("次: homutune data review export か homutune tune start", style="dim")
    elif dry_run:
        tell("まだ版を作っていません（--dry-run）。")
    else:
        tell("直した所がないので、新しい版は作りませんでした。")


def _create(
    home: Path,
    path: Path,
    base: Dataset,
    target: Dataset,
    review: Review,
    merged: tuple[list[Any], Any],
    allow_errors: bool,
) -> Dataset:
    """The new version, checked, with the remarks of the reviewer beside it."""
    from homutune.data import check_examples, create_dataset, write_atomic

    made, split = merged
    report = check_examples(made, target.cards)
    if not report.ok and not allow_errors:
        first = report.errors[0]
        which = f"（{made[first.examples[0] - 1].meta.id}）" if first.examples else ""
        raise UserError(
            f"直した後の検査でエラーが {len(report.errors)} 件あります。"
            f"最初のもの: {first.message}{which}",
            remedy=f"{first.remedy}承知の上で版を作るには --allow-errors を付けてください。",
            file=path,
        )
    parents = dict.fromkeys((target.name, base.name))
    dataset = create_dataset(
        home,
        made,
        target.cards,
        split,
        sources=[str(path)],
        checks=report.summary,
        parents=list(parents),
    )
    remarks = [asdict(remark) for remark in review.remarks]
    write_atomic(dataset.path / "review.json", json.dumps(remarks, ensure_ascii=False, indent=1))
    return dataset
