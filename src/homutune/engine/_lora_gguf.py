"""A PEFT adapter as GGUF: alone, the form llama.cpp loads beside its base, or merged into it.

Tensor and key names follow llama.cpp's ``convert_lora_to_gguf.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gguf import (
    MODEL_ARCH,
    MODEL_ARCH_NAMES,
    GGUFReader,
    GGUFValueType,
    GGUFWriter,
    LlamaFileType,
    dequantize,
    get_tensor_name_map,
)
from safetensors.numpy import load_file

from homutune.errors import UserError

_PREFIX = "base_model.model."
_Array = np.ndarray[Any, Any]


class LoraPair(NamedTuple):
    """The two factors of one layer's update: ``down`` (rank, in) and ``up`` (out, rank)."""

    down: _Array
    up: _Array


@dataclass(frozen=True, slots=True)
class LoraTensors:
    """An adapter under llama.cpp's names; a layer's update is ``alpha / rank * up @ down``."""

    architecture: MODEL_ARCH
    alpha: float
    layers: dict[str, LoraPair]


def read_lora(adapter: Path, base_config: Path) -> LoraTensors:
    """Read the PEFT folder ``adapter``.

    Args:
        adapter: holds ``adapter_model.safetensors`` and ``adapter_config.json``.
        base_config: the base model's ``config.json``.

    Raises:
        UserError: llama.cpp does not know this architecture or one of its layers.
    """
    config = json.loads(base_config.read_text("utf-8"))
    architecture = architecture_of(config["model_type"])
    names = get_tensor_name_map(architecture, config["num_hidden_layers"])
    heads = config["num_attention_heads"]
    key_heads = config.get("num_key_value_heads") or heads
    settings = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    sides: dict[str, dict[str, _Array]] = {}
    for name, value in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        module, side, _ = name.removeprefix(_PREFIX).rsplit(".", 2)
        mapped = names.get_name(module)
        if mapped is None:
            raise UserError(
                f"LoRA の層 {module} を GGUF に書き出せません。",
                remedy="学習する層（target_modules）を標準の設定に戻してください。",
            )
        if architecture is MODEL_ARCH.LLAMA and side == "lora_B":
            value = rotary_rows(module, value, heads, key_heads)
        sides.setdefault(f"{mapped}.weight", {})[side] = value
    layers = {name: LoraPair(pair["lora_A"], pair["lora_B"]) for name, pair in sides.items()}
    return LoraTensors(architecture, float(settings["lora_alpha"]), layers)


def write_lora_gguf(adapter: Path, base_config: Path, target: Path) -> None:
    """Convert the PEFT folder ``adapter`` into the file ``target`` (fp16 tensors).

    Args and errors are those of :func:`read_lora`.
    """
    lora = read_lora(adapter, base_config)
    writer = GGUFWriter(target, MODEL_ARCH_NAMES[lora.architecture])
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", lora.alpha)
    for name, pair in lora.layers.items():
        writer.add_tensor(f"{name}.lora_a", pair.down.astype(np.float16))
        writer.add_tensor(f"{name}.lora_b", pair.up.astype(np.float16))
    _write(writer)


def write_merged_gguf(
    adapter: Path,
    base_config: Path,
    base_gguf: Path,
    chat_template: str,
    end_of_turn: int,
    target: Path,
) -> None:
    """Write the base model with the adapter worked into it.

    The layers the adapter changes become fp16; all else is copied as it is in ``base_gguf``.

    Args:
        adapter: as in :func:`read_lora`.
        base_config: as in :func:`read_lora`.
        base_gguf: the base model.
        chat_template: Jinja, stored in the file for whoever serves it.
        end_of_turn: id of the token that ends an answer.
        target: the file to write.

    Raises:
        UserError: as :func:`read_lora`.
    """
    lora = read_lora(adapter, base_config)
    reader = GGUFReader(base_gguf)
    writer = GGUFWriter(target, MODEL_ARCH_NAMES[lora.architecture])
    writer.add_chat_template(chat_template)
    writer.add_eot_token_id(end_of_turn)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    ours = {"general.architecture", *(key for keys in writer.kv_data for key in keys)}
    for field in reader.fields.values():
        if field.name in ours or field.name.startswith("GGUF."):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
    left = dict(lora.layers)
    for tensor in reader.tensors:
        pair = left.pop(tensor.name, None)
        if pair is None:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
            continue
        up, down = pair.up.astype(np.float32), pair.down.astype(np.float32)
        update = lora.alpha / len(down) * (up @ down)
        weight = dequantize(tensor.data, tensor.tensor_type) + update
        writer.add_tensor(tensor.name, weight.astype(np.float16))
    if left:
        raise UserError(
            f"ベースモデルの GGUF に層 {min(left)} がありません。",
            file=base_gguf,
            remedy="学習に使ったベースモデルと同じものか確認してください。",
        )
    _write(writer)


def rotary_rows(name: str, value: _Array, heads: int, key_heads: int) -> _Array:
    """The rows of a query or key projection in llama.cpp's order, all else as it is.

    For the architecture ``llama`` it rotates neighbouring rows, transformers the two halves.
    """
    count = heads if ".q_proj" in name else key_heads if ".k_proj" in name else None
    if count is None:
        return value
    halves = value.reshape(count, 2, value.shape[0] // count // 2, *value.shape[1:])
    return halves.swapaxes(1, 2).reshape(value.shape)


def _write(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def architecture_of(model_type: str) -> MODEL_ARCH:
    """llama.cpp's architecture of what transformers calls ``model_type``.

    Raises:
        UserError: there is none.
    """
    # llama.cpp has Mistral's models (those without experts) as Llama's.
    wanted = "llama" if model_type == "mistral" else model_type
    wanted = wanted.removesuffix("_text").replace("_", "")
    for architecture, name in MODEL_ARCH_NAMES.items():
        if name.replace("-", "").replace("_", "") == wanted:
            return architecture
    raise UserError(
        f"モデルの種類 {model_type} の LoRA は llama.cpp の形式で書き出せません。",
        remedy="llama.cpp が対応するモデルを選んでください。",
    )
