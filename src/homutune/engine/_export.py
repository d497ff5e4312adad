"""Taking the weights along: the forms in which other programs load a tuned model.

======== ============================================================= ======================
form     what is written                                               for
======== ============================================================= ======================
adapter  PEFT folder, LoRA GGUF beside it                              PEFT, vLLM (LoRA module)
hf       merged weights in bf16, tokenizer, chat template              transformers, vLLM
gguf     one merged ``model.gguf``, or base and adapter                llama.cpp, LM Studio
ollama   the same and a ``Modelfile``                                  ``ollama create``
======== ============================================================= ======================
"""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Literal, get_args

from homutune.engine._bases import BaseModel
from homutune.engine._card import model_card, notice
from homutune.engine._chat import ChatTemplate
from homutune.engine._lora_gguf import write_merged_gguf
from homutune.engine._ollama import modelfile
from homutune.engine._tuned import TunedModel
from homutune.errors import UserError
from homutune.files import disk_error, is_disk_full, write_atomic

Format = Literal["adapter", "hf", "gguf", "ollama"]
FORMATS: tuple[str, ...] = get_args(Format)
_ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json", "adapter.gguf")


def export_model(
    tuned: TunedModel, base: BaseModel, target: Path, form: Format, *, merged: bool = True
) -> list[Path]:
    """Write ``tuned`` to the new folder ``target``, with its model card.

    Args:
        tuned: what to take along.
        base: its base model, ready.
        target: must not exist yet, or be empty.
        form: see above.
        merged: for ``gguf`` and ``ollama``: one file with everything, or the base as it is with
            the adapter beside it (smaller, and several adapters can share the base).

    Returns:
        The files, as they lie below ``target``.

    Raises:
        UserError: the folder is in use, the disk is full, or the form does not suit the model.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(
            "書き出し先がすでにあります。何も変更していません。",
            file=target,
            remedy="別のフォルダーを --output で指定してください。",
        )
    building = target.with_name(f".{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        write = {"adapter": _adapter, "hf": _hf, "gguf": _gguf, "ollama": _ollama}[form]
        write(tuned, base, building, merged)
        write_atomic(building / "README.md", model_card(tuned, base))
        write_atomic(building / "NOTICE", notice(base))
        if target.exists():
            target.rmdir()
        building.rename(target)
    except UserError:
        raise
    except Exception as error:  # the libraries' writers have errors of their own for a full disk
        if is_disk_full(error, building):
            raise disk_error(OSError(errno.ENOSPC, ""), target) from error
        if isinstance(error, OSError):
            raise disk_error(error, target) from error
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file())


def _adapter(tuned: TunedModel, base: BaseModel, folder: Path, merged: bool) -> None:
    for name in _ADAPTER_FILES:
        shutil.copyfile(tuned.adapter / name, folder / name)


def _hf(tuned: TunedModel, base: BaseModel, folder: Path, merged: bool) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    # Merged in fp32: in bf16 a small update would vanish in the rounding of a large weight.
    model = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, tuned.adapter).merge_and_unload()
    template = ChatTemplate(base.path)
    # Otherwise generate() would not stop at the end of the answer.
    ends = model.generation_config.eos_token_id
    known = ends if isinstance(ends, list) else [] if ends is None else [ends]
    model.generation_config.eos_token_id = sorted({*known, template.end_of_turn()})
    model.to(torch.bfloat16).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(base.path / name, folder / name)
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    # The class that reads tokenizer.json whatever the model.
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    write_atomic(folder / "tokenizer_config.json", json.dumps(config, ensure_ascii=False, indent=2))


def _gguf(tuned: TunedModel, base: BaseModel, folder: Path, merged: bool) -> None:
    if not merged:
        shutil.copyfile(base.gguf, folder / "base.gguf")
        shutil.copyfile(tuned.adapter / "adapter.gguf", folder / "adapter.gguf")
        return
    write_merged_gguf(
        tuned.adapter,
        base.path / "config.json",
        base.gguf,
        (base.path / "chat_template.jinja").read_text("utf-8"),
        ChatTemplate(base.path).end_of_turn(),
        folder / "model.gguf",
    )


def _ollama(tuned: TunedModel, base: BaseModel, folder: Path, merged: bool) -> None:
    text = modelfile(ChatTemplate(base.path), merged=merged, license_text=notice(base))
    _gguf(tuned, base, folder, merged)
    write_atomic(folder / "Modelfile", text)
