"""``homutune improve``: from what a model got wrong to better data and a retrained model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from homutune.cli._console import note, print_json, tell
from homutune.cli._data_load import examples
from homutune.cli._eval_common import MODEL_HELP, DatasetName, progress_bars, resolve
from homutune.cli._improve_common import LoopName, open_it
from homutune.cli._improve_retrain import history, retrain
from homutune.cli._improve_review import accept, add, edit, export, import_, reject, review, show
from homutune.cli._options import AsJson

if TYPE_CHECKING:
    from homutune.improvement import Draft

app = typer.Typer(
    help="弱点の分析、データの追加、再学習、前後の比較。",
    epilog=examples(
        "homutune improve plan --model latest   弱い分野と、すべきことの一覧を作る",
        "homutune improve draft --model 社内モデル  質問と回答の下書きをモデルに作らせる",
        "homutune improve add 追加.yaml --by 山田   自分で書いた質問と回答を足す",
        "homutune improve review --by 山田      下書きを一つずつ採用・修正・却下する",
        "homutune improve export                下書きを Excel で見る（import で取り込む）",
        "homutune improve apply                 採用した分から新しいデータセットを作る",
        "homutune improve retrain               学習し直して、前と後を比べる",
    ),
    no_args_is_help=True,
    add_completion=False,
)


@app.command(
    "plan",
    epilog=examples(
        "homutune improve plan",
        "homutune improve plan --model base --condition plain",
    ),
)
def plan(
    model: Annotated[str, typer.Option(help=MODEL_HELP)] = "latest",
    dataset: DatasetName = "latest",
    condition: Annotated[
        str, typer.Option(help="調べる評価の条件（grounded か plain）。")
    ] = "grounded",
    as_json: AsJson = False,
) -> None:
    """保存した評価から、弱い分野・論点と誤りの型を調べ、すべきことの一覧を作ります。"""
    from homutune.cli._improve_view import print_plan
    from homutune.data import open_dataset
    from homutune.improvement import plan_loop
    from homutune.settings import load_settings

    settings = load_settings()
    name, _ = resolve(settings, model)
    opened = open_dataset(settings.home, None if dataset == "latest" else dataset)
    loop = plan_loop(settings.home, opened, model=name, condition=condition)
    if as_json:
        print_json(
            {
                "loop": loop.id,
                "weaknesses": asdict(loop.weaknesses),
                "work": [asdict(item) for item in loop.work],
            }
        )
        return
    print_plan(loop)
    if any(item.can_be_drafted for item in loop.work):
        tell("次: homutune improve draft --model モデル名 で下書きを作ります。", style="dim")


@app.command(
    "draft",
    epilog=examples(
        "homutune improve draft --model gpt-4.1",
        "homutune improve draft --model gpt-4.1 --work w01 --work w03 --limit 5",
    ),
)
def draft(
    model: Annotated[str, typer.Option(help="下書きを作るモデル。base や latest も使えます。")],
    work: Annotated[
        list[str] | None,
        typer.Option(
            help="一覧のどの行の分か（くり返し指定できます）。省くと全部。", show_default=False
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="1行あたりの下書きの数。")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="同時に送る数。")] = 4,
    loop: LoopName = "latest",
    as_json: AsJson = False,
) -> None:
    """一覧に沿って、質問と回答の下書きを作ります。人が採用するまで学習には使いません。"""
    from homutune.client import connect, friendly_errors
    from homutune.data import open_dataset
    from homutune.errors import UserError
    from homutune.improvement import (
        MAX_TOKENS,
        TEMPERATURE,
        Firewall,
        drafts_wanted,
        write_drafts,
    )

    settings, opened = open_it(loop)
    chosen = [item for item in opened.work if not work or item.id in work]
    if not any(item.can_be_drafted for item in chosen):
        raise UserError(
            "下書きを作れる行がありません。",
            remedy="homutune improve plan の一覧で、下書きできる行（w01 など）を確認してください。",
        )
    name, _ = resolve(settings, model)
    dataset = open_dataset(settings.home, opened.weaknesses.dataset)
    firewall = Firewall.of(settings.home, dataset)
    known = {found.key: found for found in opened.drafts().values()}
    made: list[Draft] = []
    unread = 0
    with friendly_errors(settings), connect(settings) as client, progress_bars() as bars:
        from homutune.evaluation import StructuredModel

        writer = StructuredModel(
            client, name, form="pair", temperature=TEMPERATURE, max_tokens=MAX_TOKENS
        )
        bar = bars.add_task("下書き", total=drafts_wanted(chosen, limit))
        bars.advance(bar, 0)

        def arrived() -> Iterator[Draft]:
            nonlocal unread
            for found in write_drafts(
                writer,
                dataset,
                chosen,
                firewall,
                known=known,
                limit=limit,
                concurrency=concurrency,
            ):
                bars.advance(bar)
                if found is None:
                    unread += 1
                else:
                    yield found

        made.extend(opened.keep(arrived()))
    if as_json:
        print_json({"loop": opened.id, "drafts": [asdict(d) for d in made], "unread": unread})
        return
    faulty = sum(bool(found.problems) for found in made)
    tell(f"{len(made)}件の下書きができました（うち{faulty}件は直さないと採用できません）。")
    if unread:
        note(f"{unread}件は、質問と回答の形になっていなかったため捨てました。", style="yellow")
    tell(
        "次: homutune improve review --by 名前 か homutune improve export で判定します。",
        style="dim",
    )


@app.command("apply", epilog=examples("homutune improve apply"))
def apply(loop: LoopName = "latest", as_json: AsJson = False) -> None:
    """採用した下書きから新しいデータセットを作ります。直した分は DPO 用の組も書き出します。"""
    from homutune.improvement import apply_loop

    settings, opened = open_it(loop)
    applied = apply_loop(settings.home, opened)
    if as_json:
        print_json(
            {
                "loop": opened.id,
                "dataset": applied.dataset.name,
                "parent": applied.parent,
                "accepted": list(applied.accepted),
                "edited": list(applied.edited),
                "preferences": {k: str(path) for k, path in applied.preferences.items()},
            }
        )
        return
    tell(
        f"新しい版 {applied.dataset.name}（元の版 {applied.parent}）を作りました："
        f"そのまま採用 {len(applied.accepted)}件、修正して採用 {len(applied.edited)}件。",
        style="bold green",
    )
    for recipe, path in applied.preferences.items():
        tell(f"DPO 用の組（{recipe}）: {path}")
    tell("次: homutune improve retrain で学習し直し、前と後を比べます。", style="dim")


app.command("list", epilog=examples("homutune improve list", "homutune improve list --json"))(show)
app.command("review", epilog=examples("homutune improve review --by 山田"))(review)
app.command("add", epilog=examples("homutune improve add 追加.yaml --by 山田"))(add)
app.command("accept", epilog=examples("homutune improve accept 1a2b3c --by 山田"))(accept)
app.command("edit", epilog=examples('homutune improve edit 1a2b3c --by 山田 --answer "結論：…"'))(
    edit
)
app.command("reject", epilog=examples("homutune improve reject 1a2b3c --by 山田"))(reject)
app.command("export", epilog=examples("homutune improve export --out 下書き.xlsx"))(export)
app.command("import", epilog=examples("homutune improve import 下書き.xlsx --by 山田"))(import_)
app.command(
    "retrain", epilog=examples("homutune improve retrain", "homutune improve retrain --epochs 3")
)(retrain)
app.command("history", epilog=examples("homutune improve history"))(history)
