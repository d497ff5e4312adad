"""A PEFT adapter as a LoRA GGUF, the form llama.cpp loads beside its base model.

Tensor and key names follow llama.cpp's ``convert_lora_to_gguf.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, GGUFWriter, get_tensor_name_map
from safetensors.numpy import load_file

from homutune.errors import UserError

_PREFIX = "base_model.model."


def write_lora_gguf(adapter: Path, base_config: Path, target: Path) -> None:
    """Convert the PEFT folder ``adapter`` into the file ``target`` (fp16 tensors).

    Args:
        adapter: holds ``adapter_model.safetensors`` and ``adapter_config.json``.
        base_config: the base model's ``config.json``.

    Raises:
        UserError: llama.cpp does not know this architecture or one of its layers.
    """
    config = json.loads(base_config.read_text("utf-8"))
    architecture = _architecture(config["model_type"])
    names = get_tensor_name_map(architecture, config["num_hidden_layers"])
    settings = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    writer = GGUFWriter(target, MODEL_ARCH_NAMES[architecture])
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(settings["lora_alpha"]))
    for name, value in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        module, side, _ = name.removeprefix(_PREFIX).rsplit(".", 2)
        mapped = names.get_name(module)
        if mapped is None:
            raise UserError(
                f"LoRA の層 {module} を GGUF に書き出せません。",
                remedy="学習する層（target_modules）を標準の設定に戻してください。",
            )
        suffix = {"lora_A": "lora_a", "lora_B": "lora_b"}[side]
        writer.add_tensor(f"{mapped}.weight.{suffix}", value.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _architecture(model_type: str) -> MODEL_ARCH:
    wanted = model_type.removesuffix("_text").replace("_", "")
    for architecture, name in MODEL_ARCH_NAMES.items():
        if name.replace("-", "").replace("_", "") == wanted:
            return architecture
    raise UserError(
        f"モデルの種類 {model_type} の LoRA は llama.cpp の形式で書き出せません。",
        remedy="llama.cpp が対応するモデルを選んでください。",
    )
