"""A Hugging Face folder as GGUF, for the dense architectures most open models have.

Names and layouts follow llama.cpp's ``convert_hf_to_gguf.py``, which knows many more models but
is no package. Matrices become Q8_0 (fp16 where a row is no multiple of its block of 32).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import (
    MODEL_ARCH,
    MODEL_ARCH_NAMES,
    GGMLQuantizationType,
    GGUFWriter,
    LlamaFileType,
    TokenType,
    get_tensor_name_map,
    quantize,
)
from safetensors import safe_open
from transformers import AutoConfig

from homutune.engine._chat import ChatTemplate
from homutune.engine._lora_gguf import architecture_of, rotary_rows
from homutune.errors import UserError

Array = np.ndarray[Any, Any]

#: transformers' ``model_type`` of what can be written.
WRITABLE = ("llama", "mistral", "qwen2", "qwen3")
_BLOCK = 32


def write_gguf(folder: Path, target: Path) -> None:
    """Write the model in ``folder`` (safetensors, ``tokenizer.json``, chat template).

    Raises:
        UserError: the architecture, its rotary embedding or its tokenizer is none of ours.
    """
    config = AutoConfig.from_pretrained(folder)
    if config.model_type not in WRITABLE:
        raise _unknown(f"モデルの種類 {config.model_type}", folder)
    rope = config.rope_parameters
    if rope.get("rope_type", "default") not in ("default", "llama3"):
        raise _unknown(f"位置の表し方 {rope['rope_type']}", folder)
    architecture = architecture_of(config.model_type)
    writer = GGUFWriter(target, MODEL_ARCH_NAMES[architecture])
    head_size = getattr(config, "head_dim", None) or (
        config.hidden_size // config.num_attention_heads
    )
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_rope_dimension_count(head_size)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
    _write_tokenizer(writer, folder, config.vocab_size)
    if rope.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", _llama3_factors(rope, head_size))
    names = get_tensor_name_map(architecture, config.num_hidden_layers)
    for name, value in _tensors(folder):
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        mapped = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if mapped is None:
            raise _unknown(f"層 {name}", folder)
        if architecture is MODEL_ARCH.LLAMA:
            value = rotary_rows(name, value, config.num_attention_heads, config.num_key_value_heads)
        _add(writer, mapped, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(folder: Path) -> Iterator[tuple[str, Array]]:
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118  (it is no mapping)
                yield name, weights.get_tensor(name).to(torch.float32).numpy()


def _add(writer: GGUFWriter, name: str, value: Array) -> None:
    if value.ndim == 1:
        writer.add_tensor(name, value)
    elif value.shape[-1] % _BLOCK:
        writer.add_tensor(name, value.astype(np.float16))
    else:
        kind = GGMLQuantizationType.Q8_0
        writer.add_tensor(name, quantize(value, kind), raw_dtype=kind)


def _llama3_factors(rope: Mapping[str, Any], size: int) -> Array:
    """What each frequency is divided by (Llama 3.1's rule, as transformers and llama.cpp do)."""
    factor, low, high = rope["factor"], rope["low_freq_factor"], rope["high_freq_factor"]
    context = rope["original_max_position_embeddings"]
    factors = []
    for i in range(0, size, 2):
        waves = context / (2 * math.pi * rope["rope_theta"] ** (i / size))
        smooth = min(1.0, max(0.0, (waves - low) / (high - low)))
        factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, np.float32)


def _write_tokenizer(writer: GGUFWriter, folder: Path, size: int) -> None:
    """The vocabulary: our prompts arrive as ids, so it serves to turn ids into text."""
    stored = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    model = stored["model"]
    if model["type"] not in ("BPE", "Unigram"):
        raise _unknown(f"トークナイザーの種類 {model['type']}", folder)
    scores: dict[int, float] = {}
    if model["type"] == "BPE":
        texts = {i: text for text, i in model["vocab"].items()}
    else:
        texts = {i: text for i, (text, _) in enumerate(model["vocab"])}
        scores = {i: score for i, (_, score) in enumerate(model["vocab"])}
    types = {
        i: TokenType.BYTE if text.startswith("<0x") and len(text) == 6 else TokenType.NORMAL
        for i, text in texts.items()
    }
    for token in stored["added_tokens"]:
        texts[token["id"]] = token["content"]
        types[token["id"]] = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
    # Embeddings are often padded to a round number.
    every = range(size)
    writer.add_token_list([texts.get(i, f"[PAD{i}]") for i in every])
    writer.add_token_types([types.get(i, TokenType.UNUSED) for i in every])
    if model["type"] == "BPE" and "ByteLevel" in json.dumps(stored["decoder"]):
        merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(_splitting(json.dumps(stored["pre_tokenizer"])))
        writer.add_token_merges(merges)
    else:
        writer.add_tokenizer_model("llama")
        # What comes first in the vocabulary was merged first.
        writer.add_token_scores([scores.get(i, -float(i)) for i in every])
        writer.add_add_space_prefix(False)
    template = ChatTemplate(folder)
    writer.add_chat_template((folder / "chat_template.jinja").read_text("utf-8"))
    writer.add_eos_token_id(template.end_of_turn())
    if (begin := template.bos_id) is not None:
        writer.add_bos_token_id(begin)


def _splitting(rule: str) -> str:
    """llama.cpp's name of how text is split before it is merged: by how digits are taken."""
    if "{1,3}" in rule:
        return "llama-bpe"
    return "qwen2" if "\\\\p{N}|" in rule else "default"


def _unknown(what: str, folder: Path) -> UserError:
    return UserError(
        f"{what}の GGUF は、ここでは作れません。",
        file=folder,
        remedy="配布されている GGUF か、llama.cpp の convert_hf_to_gguf.py で作った GGUF を "
        "--gguf で指定してください。",
    )
