"""``homutune model``: take a tuned model along, say what it is, add a base model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from homutune.cli._console import note, out, print_json, tell
from homutune.cli._model_add import add
from homutune.cli._model_release import release
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.engine import BaseModel, TunedModel

app = typer.Typer(
    help="学習したモデルの書き出しと説明書（モデルカード）、ベースモデルの追加。",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune model export                          最新のモデルを LoRA アダプターとして",
            "  homutune model export --format ollama          Ollama 用のフォルダーとして",
            "  homutune model card latest --output CARD.md    モデルカードを書き出す",
            "  homutune model release                         公開用に models/ へ写す",
            "  homutune model add ./Qwen3-0.6B                ベースモデルを加える",
        )
    ),
    no_args_is_help=True,
    add_completion=False,
)

ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="学習したモデルの名前、または latest。")
]


@app.command("export")
def export(
    model: ModelName = "latest",
    form: Annotated[
        Literal["adapter", "hf", "gguf", "ollama"],
        typer.Option(
            "--format",
            metavar="<形式>",
            help="adapter（PEFT・vLLM）、hf（transformers・vLLM）、gguf（llama.cpp）、ollama。",
        ),
    ] = "adapter",
    output: Annotated[
        Path | None, typer.Option(help="書き出すフォルダー（新しい名前）。省くとモデル名から。")
    ] = None,
    lora: Annotated[
        bool,
        typer.Option(
            "--lora", help="gguf・ollama で、ベースモデルに混ぜずアダプターを別に置きます。"
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """学習したモデルを、ほかのプログラムで使える形で書き出します。サーバーは不要です。

    例:

      homutune model export --format hf --output ./moderu

      homutune model export ft:gemma3-270m:local:keiyaku:AbCd1234 --format gguf --lora
    """
    from homutune.engine import export_model

    if lora and form not in ("gguf", "ollama"):
        raise UserError("--lora は --format gguf か ollama と一緒に指定してください。")
    tuned, base = find_tuned(model)
    target = output or Path(re.sub(r"[^\w.-]+", "-", tuned.name) + f"-{form}")
    if form != "adapter" and not lora:
        note("ベースモデルにアダプターを統合しています（数十秒かかります）")
    files = export_model(tuned, base, target, form, merged=not lora)
    if as_json:
        names = [path.as_posix() for path in files]
        print_json(
            {"model": tuned.name, "format": form, "folder": str(target.resolve()), "files": names}
        )
        return
    tell(f"書き出しました: {target}")
    for path in files:
        size = (target / path).stat().st_size
        tell(f"  {path.as_posix()}（{size / 1e6:,.1f} MB）")
    if form == "ollama":
        tell(f"使い方: cd {target} && ollama create homutune -f Modelfile")


@app.command("card")
def card(
    model: ModelName = "latest",
    output: Annotated[
        Path | None, typer.Option(help="書き出すファイル。省くと画面に表示します。")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """モデルカード（作り方・成績・注意・ライセンス）を表示または書き出します。

    例:

      homutune model card

      homutune model card latest --output CARD.md
    """
    from homutune.engine import model_card
    from homutune.files import write_atomic

    tuned, base = find_tuned(model)
    if as_json:
        metrics = tuned.metrics()
        print_json(
            {
                "model": tuned.name,
                "base": base.id,
                "license": base.license,
                "settings": tuned.description(),
                "first": metrics[0] if metrics else None,
                "last": metrics[-1] if metrics else None,
            }
        )
        return
    text = model_card(tuned, base)
    if output is None:
        out.print(text, markup=False, end="", soft_wrap=True)
    else:
        write_atomic(output, text)
        tell(f"書き出しました: {output}")


def find_tuned(name: str) -> tuple[TunedModel, BaseModel]:
    """The tuned model called ``name`` (or latest) in this home, and its base, ready.

    Raises:
        UserError: the engine, the model or its base is not here.
    """
    try:
        from homutune.engine import BaseModels, UnknownModel, tuned_models
    except ImportError:
        raise UserError(
            "ローカルエンジンが入っていません。", remedy="pip install 'homutune[local]'"
        ) from None
    from homutune.settings import load_settings

    home = load_settings().home
    found = tuned_models(home)
    if name == "latest":
        tuned = next((model for model in found if model.step is None), None)
    else:
        tuned = next((model for model in found if model.name == name), None)
    if tuned is None:
        if name == "latest":
            raise UserError(
                f"学習したモデルがまだありません（保存先: {home}）。",
                remedy="homutune tune start で学習してください。",
            )
        raise UserError(
            f"モデル {name} の重みは、このパソコンの保存先（{home}）にありません。",
            remedy="homutune tune models で名前を確認してください。"
            "ほかのサービスで学習したモデルの重みは書き出せません。",
        )
    try:
        return tuned, BaseModels(home).ensure(tuned.base, progress=note)
    except UnknownModel:
        raise UserError(
            f"ベースモデル {tuned.base} がこの保存先にありません。",
            remedy="学習に使ったベースモデルを bases フォルダーに戻してください。",
        ) from None


app.command("release")(release)
app.command("add")(add)
