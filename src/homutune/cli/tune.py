"""``homutune tune``: start, watch and list fine-tuning jobs, on any server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from homutune.cli._console import note, out, print_json, tell
from homutune.cli._options import AsJson
from homutune.cli._tune_view import (
    job_json,
    loss_text,
    make_table,
    model_json,
    print_result,
    print_rows,
    shutdown,
    when,
)
from homutune.errors import UserError

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob

    from homutune.data import Recipe
    from homutune.settings import Settings
    from homutune.tuning import ModelEntry, TrainingFiles

app = typer.Typer(
    help="ファインチューニングの開始・監視・一覧。",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune tune start                    最新のデータセットで学習する",
            "  homutune tune start --train q.jsonl    手元の JSONL で学習する",
            "  homutune tune watch                    最新のジョブの進み具合を見る",
            "  homutune tune show --rows              損失が大きいまま残った例を見る",
            "  homutune tune models                   使えるモデルを見る",
        )
    ),
    no_args_is_help=True,
    add_completion=False,
)

JobName = Annotated[str, typer.Argument(metavar="JOB", help="ジョブの ID、または latest。")]
_LISTED = 20


@app.command("start")
def start(
    dataset: Annotated[str, typer.Option(help="データセットの名前、または latest。")] = "latest",
    train: Annotated[
        Path | None, typer.Option(help="学習データの JSONL（データセットの代わり）。")
    ] = None,
    valid: Annotated[
        Path | None, typer.Option(help="検証データの JSONL（--train と一緒に）。")
    ] = None,
    recipe: Annotated[
        Literal["grounded", "plain"],
        typer.Option(metavar="<名前>", help="grounded（資料を読んで答える）か plain（質問だけ）。"),
    ] = "grounded",
    model: Annotated[
        str | None, typer.Option(help="ベースモデル。省くと設定の base_model。")
    ] = None,
    epochs: Annotated[str, typer.Option(help="エポック数 1〜50、または auto。")] = "auto",
    batch_size: Annotated[str, typer.Option(help="バッチサイズ 1〜256、または auto。")] = "auto",
    lr_multiplier: Annotated[str, typer.Option(help="学習率の倍率、または auto。")] = "auto",
    method: Annotated[
        Literal["supervised", "dpo"],
        typer.Option(help="supervised（質問と答え）か dpo（良い答えと悪い答えの組。--train で）。"),
    ] = "supervised",
    patience: Annotated[
        int | None,
        typer.Option(
            "--early-stopping",
            metavar="<回数>",
            min=1,
            max=50,
            help="検証損失がこのエポック数だけ続けて良くならなければ終えます。",
        ),
    ] = None,
    suffix: Annotated[str | None, typer.Option(help="モデル名に付ける名前。")] = None,
    seed: Annotated[int, typer.Option(help="乱数のシード。")] = 42,
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", help="終わるまで進み具合を表示します。")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """学習を始めます。ファイルは送る前に検査します。"""
    from homutune.tuning import TrainingFiles, start_job

    with _server() as (settings, client):
        if train is not None:
            files = TrainingFiles(train, valid)
        else:
            if method == "dpo":
                raise UserError(
                    "dpo には選好データを --train で指定してください。",
                    remedy="homutune data export --format dpo で、校閲の結果から作れます。",
                )
            if valid is not None:
                raise UserError("--valid は --train と一緒に指定してください。")
            files = _dataset_files(settings, dataset, recipe, seed)
        job = start_job(
            client,
            settings.home,
            train=files.train,
            valid=files.valid,
            model=model or settings.base_model,
            suffix=suffix,
            n_epochs=_auto_or(int, epochs, "--epochs"),
            batch_size=_auto_or(int, batch_size, "--batch-size"),
            learning_rate_multiplier=_auto_or(float, lr_multiplier, "--lr-multiplier"),
            method=method,
            own={"early_stopping_patience": patience} if patience else None,
            seed=seed,
            metadata=files.metadata,
            on_note=note,
        )
        if watch:
            _watch(settings, client, job.id, as_json)
        elif as_json:
            print_json({"job": job_json(job)})
        else:
            tell(f"ジョブを作成しました: {job.id}")
            tell(f"進み具合: homutune tune watch {job.id}")


@app.command("watch")
def watch(job: JobName = "latest", as_json: AsJson = False) -> None:
    """ジョブの進み具合を終わりまで表示します。Ctrl-C で抜けても学習は続きます。"""
    with _server() as (settings, client):
        _watch(settings, client, _resolve(client, job), as_json)


@app.command("list")
def list_jobs(as_json: AsJson = False) -> None:
    """最近のジョブを新しい順に表示します。"""
    from homutune.tuning import STATUS

    with _server() as (_, client):
        jobs = client.fine_tuning.jobs.list(limit=_LISTED).data
    if as_json:
        print_json({"jobs": [job_json(job) for job in jobs]})
        return
    if not jobs:
        tell("ジョブはまだありません。homutune tune start で学習を始められます。")
        return
    table = make_table("ジョブ", "状態", "作成", "学習済みモデル")
    for job in jobs:
        table.add_row(
            job.id,
            STATUS.get(job.status, job.status),
            when(job.created_at),
            job.fine_tuned_model or "",
        )
    out.print(table)


@app.command("show")
def show(
    job: JobName = "latest",
    by_example: Annotated[
        bool,
        typer.Option("--rows", help="学習後も損失が大きい例を、大きい順に表示します。"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """1つのジョブの設定・状態・チェックポイントを表示します。"""
    if by_example:
        _show_rows(job, as_json)
        return
    from homutune.tuning import STATUS

    with _server() as (_, client):
        found = client.fine_tuning.jobs.retrieve(_resolve(client, job))
        checkpoints = list(client.fine_tuning.jobs.checkpoints.list(found.id))
    if as_json:
        saved = [item.model_dump(mode="json") for item in checkpoints]
        print_json({"job": job_json(found), "checkpoints": saved})
        return
    rows = {
        "ジョブ": found.id,
        "状態": STATUS.get(found.status, found.status),
        "ベース": found.model,
        "学習済みモデル": found.fine_tuned_model or "（まだありません）",
        "作成": when(found.created_at),
        "終了": when(found.finished_at) if found.finished_at else "",
        "学習トークン": f"{found.trained_tokens:,}" if found.trained_tokens else "",
        "シード": str(found.seed),
    }
    for key, value in job_json(found).get("hyperparameters", {}).items():
        rows[key] = str(value)
    if found.error is not None and found.error.message:
        rows["エラー"] = found.error.message
    print_rows(rows)
    for item in checkpoints:
        loss = item.metrics.full_valid_loss or item.metrics.valid_loss
        score = f"検証損失 {loss:.3f}" if loss is not None else ""
        tell(f"チェックポイント {item.fine_tuned_model_checkpoint} {score}")


@app.command("cancel")
def cancel(job: JobName, as_json: AsJson = False) -> None:
    """ジョブを中止します。"""
    _control("cancel", job, as_json, "中止しました: {id}")


@app.command("pause")
def pause(job: JobName, as_json: AsJson = False) -> None:
    """ジョブを一時停止します。学習は保存され、後で続きから再開できます。"""
    _control(
        "pause", job, as_json, "一時停止を依頼しました: {id}（再開: homutune tune resume {id}）"
    )


@app.command("resume")
def resume(job: JobName, as_json: AsJson = False) -> None:
    """一時停止したジョブを、止めた所から再開します。"""
    _control("resume", job, as_json, "再開しました: {id}（見る: homutune tune watch {id}）")


def _control(
    action: Literal["cancel", "pause", "resume"], job: str, as_json: bool, done: str
) -> None:
    """Ask the server for ``action`` and say that it is done."""
    with _server() as (_, client):
        found = getattr(client.fine_tuning.jobs, action)(_resolve(client, job))
    if as_json:
        print_json({"job": job_json(found)})
    else:
        tell(done.format(id=found.id))


@app.command("models")
def models(as_json: AsJson = False) -> None:
    """サーバーで使えるモデルと、学習したモデルの成績を表示します。"""
    from homutune.tuning import list_models, sync_models

    with _server() as (settings, client):
        sync_models(settings.home, client)
        served = sorted(client.models.list().data, key=lambda model: model.created, reverse=True)
        tuned = {entry.model: entry for entry in list_models(settings.home, settings.base_url)}
    if as_json:
        print_json({"models": [model_json(item, tuned.get(item.id)) for item in served]})
        return
    closing = any(shutdown(item) for item in served)
    table = make_table(
        "モデル", "作成", "学習損失", "検証損失", "データセット", *(["停止日"] if closing else [])
    )
    for item in served:
        entry = tuned.get(item.id)
        row = [
            item.id,
            when(item.created).partition(" ")[0],
            loss_text(entry.train_loss if entry else None),
            loss_text(entry.valid_loss if entry else None),
            (entry and entry.dataset) or "",
        ]
        table.add_row(*row, *([shutdown(item)] if closing else []))
    out.print(table)


def _show_rows(name: str, as_json: bool) -> None:
    from homutune.tuning import example_losses

    with _server() as (_, client):
        job = client.fine_tuning.jobs.retrieve(_resolve(client, name))
        found = example_losses(client, job)
    if found is None:
        raise UserError(
            f"ジョブ {job.id} には、例ごとの損失がありません。",
            remedy="ローカルのサーバーで最後まで学習したジョブにだけあります。",
        )
    if as_json:
        print_json({"job": job.id, "rows": [row._asdict() for row in found]})
        return
    table = make_table("例", "損失", "答えのトークン数")
    for row in found[:_LISTED]:
        table.add_row(str(row.example), f"{row.loss:.3f}", str(row.tokens))
    out.print(table)
    tell(
        f"学習ファイルの例（先頭が 1）{len(found)} 件のうち、学習後も損失が大きい順です。"
        "ほかの例との矛盾、形の違い、誤りがないかを確認してください。"
    )


@contextmanager
def _server() -> Iterator[tuple[Settings, openai.OpenAI]]:
    """Settings and client, with the SDK's errors told in Japanese."""
    from homutune.client import connect, friendly_errors
    from homutune.settings import load_settings

    settings = load_settings()
    with friendly_errors(settings), connect(settings) as client:
        yield settings, client


def _dataset_files(settings: Settings, name: str, recipe: Recipe, seed: int) -> TrainingFiles:
    from homutune.tuning import export_dataset

    files = export_dataset(
        settings.home, None if name == "latest" else name, recipe=recipe, seed=seed
    )
    for line in (f"データセット: {files.train.parent.name}", *files.notes):
        note(line)
    return files


def _watch(settings: Settings, client: openai.OpenAI, job_id: str, as_json: bool) -> None:
    job, entry = follow(settings, client, job_id)
    if as_json:
        print_json({"job": job_json(job), "model": entry.as_dict() if entry else None})
    elif entry is not None:
        print_result(entry)
    else:
        tell(f"ジョブ {job_id} は中止されました。")
    if entry is None:
        raise typer.Exit(1)


def follow(
    settings: Settings, client: openai.OpenAI, job_id: str
) -> tuple[FineTuningJob, ModelEntry | None]:
    """Show the job to its end and remember its model; None where it was cancelled.

    Raises:
        UserError: the training failed.
    """
    from homutune.cli._live import LiveView
    from homutune.tuning import register_model, watch_job

    try:
        with LiveView() as view:
            job = watch_job(
                client,
                job_id,
                on_event=view.on_event,
                on_job=view.on_job,
                on_trouble=view.on_trouble,
            )
    except KeyboardInterrupt:
        note(
            f"\n表示を終えました。学習はサーバーで続いています。\n"
            f"戻る: homutune tune watch {job_id}　中止する: homutune tune cancel {job_id}",
        )
        raise typer.Exit(130) from None
    if job.status == "failed":
        reason = job.error.message if job.error is not None else None
        raise UserError(
            f"学習が失敗しました（{reason or '理由は記録されていません'}）。",
            remedy=f"詳しくは homutune tune show {job_id} で確認できます。",
        )
    return job, register_model(settings.home, client, job) if job.status == "succeeded" else None


def _resolve(client: openai.OpenAI, name: str) -> str:
    """A job id; ``latest`` is the newest job of the server."""
    if name != "latest":
        return name
    newest = client.fine_tuning.jobs.list(limit=1).data
    if not newest:
        raise UserError(
            "ジョブがまだありません。", remedy="homutune tune start で学習を始めてください。"
        )
    return newest[0].id


def _auto_or(kind: type[Any], text: str, option: str) -> Any:
    if text == "auto":
        return text
    try:
        return kind(text)
    except ValueError:
        raise UserError(
            f"{option} の値 {text} を読めません。", remedy="数、または auto を指定してください。"
        ) from None
