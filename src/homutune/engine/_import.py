"""A base model of one's own: a Hugging Face folder, a GGUF file, or both.

``add_base`` makes of it what :mod:`homutune.engine._bases` keeps. Whatever it came from, the
weights that are trained and the file that is served are held against each other before the
model can be used: a conversion that went wrong would only show as bad answers.

The heavy work runs as ``python -m homutune.engine._import <folder>``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from homutune.engine._bases import BaseModel, BaseModels, Progress, dequantise, run_apart
from homutune.engine._chat import ChatTemplate
from homutune.errors import UserError
from homutune.files import disk_error, sync_tree, write_atomic

#: What a folder may hold that is of use here; never pickled weights or code.
_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "model*.safetensors",  # Mistral's own format may lie beside them
    "model.safetensors.index.json",
)
#: Mean difference in log-probability (nats) between transformers and llama.cpp that 4-bit
#: weights and bf16 products can explain (0.16 for Gemma 3 270M in Q4_K_M); a wrong conversion
#: gives more than one nat.
AGREEMENT = 0.5
_PROMPT = [{"role": "user", "content": "契約の解除について、条件と方法を説明してください。"}]


def add_base(
    home: Path,
    source: Path,
    name: str,
    *,
    gguf: Path | None = None,
    chat_template: Path | None = None,
    license: str = "",
    license_url: str = "",
    progress: Progress = lambda _: None,
) -> BaseModel:
    """Take a model in as ``<home>/bases/<name>``.

    Args:
        home: where base models live.
        source: a folder with ``config.json`` and safetensors, or a GGUF file.
        name: its id from now on.
        gguf: of the same model as the folder ``source``, to be served; written here if None.
        chat_template: Jinja, in place of the model's own.
        license: name of the licence the weights are under.
        license_url: where it is found.
        progress: told what happens.

    Raises:
        UserError: the name is taken, a file is missing, transformers or llama.cpp cannot use
            the model, they do not agree about it, or the disk is full. Nothing is left behind.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UserError(
            f"モデルの名前 {name} は使えません。",
            remedy="--name に、半角の英数字と . _ - だけの名前を指定してください。",
        )
    if any(model.id == name for model in BaseModels(home).list()):
        raise UserError(
            f"ベースモデル {name} はすでにあります。何も変更していません。",
            remedy="--name で別の名前を指定してください。",
        )
    final = home / "bases" / name
    building = final.with_name(f".{name}.building")
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        progress("モデルのファイルを写しています")
        if source.is_dir():
            _take_folder(source, building)
        if (served := gguf if source.is_dir() else source) is not None:
            shutil.copyfile(served, building / "model.gguf")
        if chat_template is not None:
            shutil.copyfile(chat_template, building / "chat_template.jinja")
        progress("変換し、学習側と回答側の計算が一致するかを確かめています（大きなモデルは数分）")
        run_apart(building, __name__, building)
        sync_tree(building)
        made = BaseModel(name, final, int(time.time()), "local", license, license_url)
        stored = json.dumps({**asdict(made), "path": None}, ensure_ascii=False, indent=2)
        write_atomic(building / "base.json", stored)
        building.rename(final)
    except OSError as error:
        raise disk_error(error, building) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return made


def _take_folder(source: Path, target: Path) -> None:
    for pattern in _FILES:
        for path in source.glob(pattern):
            shutil.copyfile(path, target / path.name)
    for needed in ("config.json", "tokenizer.json", "tokenizer_config.json", "model*.safetensors"):
        if not any(target.glob(needed)):
            raise UserError(
                f"モデルのフォルダーに {needed} がありません。",
                file=source,
                remedy="Hugging Face 形式（safetensors）のフォルダーを指定してください。",
            )
    template = target / "chat_template.jinja"
    if not template.exists():
        config = json.loads((target / "tokenizer_config.json").read_text("utf-8"))
        if isinstance(text := config.get("chat_template"), str):
            template.write_text(text, "utf-8")


def _complete(folder: Path) -> None:
    """Make what is missing: the weights to train, or the file to serve."""
    gguf = folder / "model.gguf"
    if not (folder / "config.json").exists():
        dequantise(folder)
        _take_template(gguf, folder / "chat_template.jinja")
    if not (folder / "chat_template.jinja").exists():
        raise UserError(
            "このモデルには会話形式（chat template）がありません。",
            remedy="--chat-template に、Jinja のファイルを指定してください。",
        )
    ChatTemplate(folder).end_of_turn()
    if not gguf.exists():
        from homutune.engine._hf_gguf import write_gguf

        write_gguf(folder, gguf)


def _take_template(gguf: Path, target: Path) -> None:
    """Write the template stored in ``gguf`` unless one was given."""
    from gguf import GGUFReader

    field = GGUFReader(gguf).fields.get("tokenizer.chat_template")
    if field is not None and not target.exists():
        target.write_text(str(field.contents()), "utf-8")


def _check(folder: Path) -> None:
    """Both sides expect the same next tokens, and the loss's short way to the logits is right."""
    import torch
    import xllamacpp
    from transformers import AutoModelForCausalLM

    ids = ChatTemplate(folder).prompt_ids(_PROMPT)
    params = xllamacpp.CommonParams()
    params.model.path = str(folder / "model.gguf")
    params.n_ctx = len(ids) + 256
    params.warmup = False
    params.verbosity = 0
    params.ui = False
    server = xllamacpp.Server(params)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits.float()[0]
        hidden = model.base_model(input_ids=torch.tensor([ids])).last_hidden_state
        ours = (hidden @ model.get_output_embeddings().weight.T).float()[0]
    if (logits - ours).abs().mean() > 0.05 * logits.std():
        raise UserError("出力層に特別な計算があるモデルは、まだ学習できません。")
    trained = logits.log_softmax(dim=-1)
    apart = [
        abs(float(trained[length - 1, token["id"]]) - token["logprob"])
        for length in (len(ids) // 4, len(ids) // 2, len(ids))
        for token in _expected(server, ids[:length])
    ]
    if not apart or sum(apart) / len(apart) > AGREEMENT:
        raise UserError(
            "学習側（transformers）と回答側（llama.cpp）の計算が一致しません"
            f"（対数確率の差の平均 {sum(apart) / max(1, len(apart)):.2f}、上限 {AGREEMENT}）。"
        )


def _expected(server: Any, prompt: list[int]) -> list[dict[str, Any]]:
    """llama.cpp's likeliest next tokens."""
    answer = server.handle_completions(
        {
            "prompt": prompt,
            "n_predict": 1,
            "logprobs": 5,
            # What is chosen does not matter, but half a character would come without numbers.
            "grammar": "root ::= [ -~]+",
        }
    )
    if "choices" not in answer:
        raise UserError("llama.cpp がこのモデルで回答を生成できません。")
    found = (answer["choices"][0]["logprobs"] or {}).get("content") or [{"top_logprobs": []}]
    likeliest: list[dict[str, Any]] = found[0]["top_logprobs"]
    return likeliest


def main(folder: Path) -> int:
    """Complete and check the model in ``folder``; what is wrong is the last line on stderr."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        _complete(folder)
        _check(folder)
    except UserError as error:
        print(f"{error.message}{error.remedy or ''}", file=sys.stderr)
        return 1
    except Exception as error:
        text = str(error).strip().splitlines() or [""]
        print(f"{type(error).__name__}: {text[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
