"""``homutune data``: check pairs, make dataset versions, write training files, estimate cost."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from homutune.cli import (
    _data_view,
    data_check,
    data_export,
    data_import,
    data_preview,
    data_private,
    data_review,
)
from homutune.cli._console import out, print_json
from homutune.cli._data_load import (
    EXAMPLES,
    CardsPath,
    DataPath,
    RecipeName,
    lines_of,
    load,
)
from homutune.cli._data_local import local_estimate
from homutune.cli._options import AsJson
from homutune.errors import UserError

app = typer.Typer(
    help="Q&A の読み込み・検査・分割・校閲・書き出し・費用の見積り。",
    epilog="\n".join(
        (
            EXAMPLES,
            "  homutune data import 相談.xlsx  手元の表を data/qa に取り込む",
            "  homutune data check data/qa     Q&A を検査する",
            "  homutune data split data/qa     データセットを作る",
            "  homutune data review export     Excel に書き出して校閲を頼む",
            "  homutune data export            学習用の JSONL を書き出す",
            "  homutune data estimate          トークン数と費用を見積もる",
            "  homutune data preview           モデルが学ぶ部分を色で見る",
            "  homutune data pseudonymize qa.csv --out 仮名.jsonl",
        )
    ),
    no_args_is_help=True,
    add_completion=False,
)

app.command("import", epilog=data_import.EPILOG)(data_import.import_)
app.command("export", epilog=data_export.EPILOG)(data_export.export)
app.add_typer(data_review.app, name="review")


app.command("check", epilog=data_check.CHECK_EPILOG)(data_check.check)
app.command("preview", epilog=data_preview.PREVIEW_EPILOG)(data_preview.preview)
app.command("pseudonymize", epilog=data_private.PSEUDONYMIZE_EPILOG)(data_private.pseudonymize)
app.command("restore", epilog=data_private.RESTORE_EPILOG)(data_private.restore)
app.command("advise", epilog=data_check.ADVISE_EPILOG)(data_check.advise)
app.command("leaks", epilog=data_check.LEAKS_EPILOG)(data_check.leaks)


@app.command(
    epilog="\n".join(
        (
            EXAMPLES,
            "  homutune data split                        同梱のコーパスから作る",
            "  homutune data split data/qa --cards data/cards",
            "  homutune data split qa.csv --valid-ratio 0.3 --seed 7",
            "  homutune data split corpus/heldout --cards corpus/cards --held-out",
        )
    )
)
def split(
    path: DataPath = None,
    cards: CardsPath = None,
    valid_ratio: Annotated[float, typer.Option(help="検証用に回す割合（0〜1）。")] = 0.2,
    seed: Annotated[int, typer.Option(help="乱数のシード。")] = 42,
    held_out: Annotated[
        bool,
        typer.Option("--held-out", help="分けずに、すべてを評価だけに使う版にします。"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """学習用と検証用に分け、変更されないデータセットを作ります。"""
    from homutune.data import check_examples, create_dataset, hold_out, split_examples
    from homutune.settings import load_settings

    loaded = load(path, cards)
    report = check_examples(loaded.examples, loaded.cards)
    if not report.ok:
        first = report.errors[0]
        raise UserError(
            f"検査でエラーが {len(report.errors)} 件あります。最初のもの: {first.message}",
            remedy=f"homutune data check {loaded.path} ですべてを確認し、直してください。",
            file=first.file,
            line=first.line,
        )
    if held_out:
        sides = hold_out(loaded.examples)
    else:
        sides = split_examples(loaded.examples, valid_ratio=valid_ratio, seed=seed)
    dataset = create_dataset(
        load_settings().home,
        loaded.examples,
        loaded.cards or [],
        sides,
        sources=[str(loaded.path)],
        checks=report.summary,
    )
    if as_json:
        print_json({"path": str(dataset.path), **asdict(dataset.manifest)})
        return
    _data_view.print_dataset(dataset)


@app.command(
    epilog="\n".join(
        (
            EXAMPLES,
            "  homutune data estimate                       最新のデータセットを見積もる",
            "  homutune data estimate --probe               試しに学習し、時間とメモリーを測る",
            "  homutune data estimate qa.csv --model gpt-4.1-mini --epochs 3",
        )
    )
)
def estimate(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH|DATASET",
            help="ファイルかデータセット名。省くと最新のデータセット（なければ data/ か同梱）。",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="このモデルだけ見積もります。省くとすべて。")
    ] = None,
    epochs: Annotated[str, typer.Option(help="エポック数 1〜50、または auto。")] = "auto",
    recipe: Annotated[
        RecipeName | None,
        typer.Option(
            metavar="<名前>",
            help="grounded か plain。省くと、カードがあれば grounded。",
            show_default=False,
        ),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="ローカルで数ステップだけ学習し、速さとメモリーを測ります（1分ほど）。",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """学習のトークン数、費用、この機械での時間とメモリーを見積もります。何も送信しません。"""
    from homutune.data import auto_epochs, estimate_cost, load_prices
    from homutune.settings import load_settings

    settings = load_settings()
    local = model is None or model == settings.base_model
    if probe and not local:
        raise UserError(
            "--probe はローカルのモデルだけを測ります。", remedy="--model を外してください。"
        )
    name, recipe, conversations = _conversations(settings.home, target, recipe)
    n_epochs = auto_epochs(len(conversations)) if epochs == "auto" else _epochs(epochs)
    prices = load_prices()
    hosted = [price.name for price in prices.models] if model is None else [model]
    costs = [
        estimate_cost(conversations, item, n_epochs=n_epochs, prices=prices)
        for item in hosted
        if item != settings.base_model
    ]
    own = local_estimate(settings, conversations, n_epochs, probe=probe) if local else None
    if as_json:
        print_json(
            {
                "data": name,
                "recipe": recipe,
                "lines": len(conversations),
                "n_epochs": n_epochs,
                "prices": {
                    "date": prices.date,
                    "source": prices.source,
                    "usd_jpy": prices.usd_jpy,
                    "usd_jpy_note": prices.usd_jpy_note,
                },
                "openai": [cost.to_dict() for cost in costs],
                "local": own,
            }
        )
        return
    out.print(
        f"{name}：{len(conversations)}行（{recipe}）× {n_epochs}エポック",
        soft_wrap=True,
        markup=False,
    )
    if costs:
        _data_view.print_costs(costs)
        out.print(
            f"料金: {prices.source}、{prices.date}。円は {prices.usd_jpy_note}"
            f" 1ドル={prices.usd_jpy:g}円。請求額とは数％ずれることがあります。",
            style="dim",
        )
    if own:
        _data_view.print_local(own)


def _conversations(
    home: Path, target: str | None, recipe: RecipeName | None
) -> tuple[str, RecipeName, list[Any]]:
    """Name, recipe and training conversations of a file or of a dataset's training side."""
    from homutune.data import build_lines, open_dataset

    has_dataset = any((home / "datasets").glob("ds-*/manifest.json"))
    is_name = target is not None and (target == "latest" or target.startswith("ds-"))
    if (target is None and has_dataset) or (is_name and not Path(str(target)).exists()):
        dataset = open_dataset(home, target)
        recipe = recipe or ("grounded" if dataset.cards else "plain")
        lines = lines_of(dataset, "train", recipe)
        name = f"{dataset.name} の学習用"
    else:
        loaded = load(Path(target) if target else None)
        linked = any(example.meta.cards for example in loaded.examples)
        recipe = recipe or ("grounded" if loaded.cards and linked else "plain")
        lines = build_lines(loaded.examples, loaded.cards or [], recipe=recipe)
        name = str(loaded.path)
    if not lines:
        raise UserError(
            "カードに結び付いた Q&A がないため、参考資料付きの形では見積もれません。",
            remedy="--recipe plain を付けて実行してください。",
        )
    return name, recipe, [line.messages for line in lines]


def _epochs(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 50:
        return int(text)
    raise UserError(
        f"エポック数「{text}」は使えません。", remedy="1〜50 の整数か auto にしてください。"
    )
