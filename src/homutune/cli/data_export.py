"""``homutune data export``: training files of a dataset, for OpenAI, for DPO, for Hugging Face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from homutune.cli._console import print_json, tell
from homutune.cli._data_load import SIDES, RecipeName, examples, lines_of
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.data import Dataset, TrainingLine

EPILOG = examples(
    "homutune data export                         最新のデータセットから",
    "homutune data export --recipe plain --out 出力先",
    "homutune data export --format dpo            校閲で直した回答から、選好学習の組を作る",
    "homutune data export --format hf --out 出力先",
)
Format = Literal["chat", "dpo", "hf"]
_SPLITS = {"train": "train", "valid": "validation"}


def export(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="データセットの名前、または latest。")
    ] = "latest",
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            metavar="<形式>",
            help="chat（OpenAI の JSONL）、dpo（直す前後の回答の組）、"
            "hf（Hugging Face の datasets で読めるフォルダー）。",
        ),
    ] = "chat",
    recipe: Annotated[
        RecipeName,
        typer.Option(metavar="<名前>", help="grounded（資料を読んで答える）か plain（質問だけ）。"),
    ] = "grounded",
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="書き出すフォルダー。省くとデータセットの exports/ の中。",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="資料の並びなどを決める乱数のシード。")] = 42,
    as_json: AsJson = False,
) -> None:
    """データセットから学習ファイルを書き出します。"""
    from homutune.data import open_dataset
    from homutune.settings import load_settings

    home = load_settings().home
    opened = open_dataset(home, dataset)
    name = recipe if form == "chat" else f"{form}-{recipe}"
    folder = out_dir or opened.path / "exports" / name
    sides = {side: lines_of(opened, side, recipe, seed) for side in SIDES}
    if not all(sides.values()):
        raise UserError(
            "カードに結び付いた Q&A がないため、参考資料付きの形では書き出せません。",
            remedy="--recipe plain を付けて実行してください。",
        )
    files, counts = _write(form, folder, opened, sides, home, recipe, seed)
    if as_json:
        print_json(
            {
                "dataset": opened.name,
                "format": form,
                "recipe": recipe,
                "files": files,
                "lines": counts,
            }
        )
        return
    for side, file in files.items():
        tell(f"{file}  {counts[side]}行")


def _write(
    form: Format,
    folder: Path,
    opened: Dataset,
    sides: dict[str, list[TrainingLine]],
    home: Path,
    recipe: RecipeName,
    seed: int,
) -> tuple[dict[str, str], dict[str, int]]:
    """Files written and their numbers of lines, by side."""
    from homutune.data import write_chat_jsonl, write_dpo_jsonl, write_hf_folder

    if form == "hf":
        write_hf_folder(folder, opened, {_SPLITS[s]: sides[s] for s in SIDES}, recipe)
        files = {side: str(folder / "data" / f"{_SPLITS[side]}.parquet") for side in SIDES}
        return files, {side: len(sides[side]) for side in SIDES}
    made: dict[str, list[Any]] = dict(sides)
    if form == "dpo":
        made = {s: p for s, p in _pairs(opened, sides, home, recipe, seed).items() if p}
    for side, items in made.items():
        write: Any = write_dpo_jsonl if form == "dpo" else write_chat_jsonl
        write(folder / f"{side}.jsonl", items)
    files = {side: str(folder / f"{side}.jsonl") for side in made}
    return files, {side: len(items) for side, items in made.items()}


def _pairs(
    opened: Dataset,
    sides: dict[str, list[TrainingLine]],
    home: Path,
    recipe: RecipeName,
    seed: int,
) -> dict[str, list[Any]]:
    """Preferred and rejected answers: this version's, and its parent's where they differ."""
    from homutune.data import build_lines, open_dataset, preferences

    if not opened.manifest.parents:
        raise UserError(
            f"{opened.name} には元の版がないため、直す前の回答がありません。",
            remedy="homutune data review で回答を直した版を作ってから実行してください。",
        )
    before = {e.meta.id: e for e in open_dataset(home, opened.manifest.parents[0]).examples}
    found = {}
    for side, lines in sides.items():
        chosen = opened.train if side == "train" else opened.valid
        old = [before[e.meta.id] for e in chosen if e.meta.id in before]
        cards = opened.train_cards if side == "train" else list(opened.cards)
        found[side] = preferences(build_lines(old, cards, recipe=recipe, seed=seed), lines)
    if not found["train"]:
        raise UserError(
            f"学習用の Q&A に、{opened.manifest.parents[0]} から直した回答がありません。",
            remedy="学習用の回答を直した版を指定してください。",
        )
    return found
