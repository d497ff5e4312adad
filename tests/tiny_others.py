"""Tiny models of other families as Hugging Face folders, saved by transformers itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}"
    "<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
_QWEN = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
_LLAMA = [
    "<|end_of_text|>",
    "<|begin_of_text|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
]
_DIGITS = {"llama3": r"\p{N}{1,3}", "chatml": r"\p{N}| ?[^\s\p{L}\p{N}]+"}
_SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
    "eos_token_id": 0,
}
_ROPE3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}
FAMILIES: dict[str, tuple[type[Any], type[Any], dict[str, Any]]] = {
    "llama": (LlamaConfig, LlamaForCausalLM, {"rope_parameters": _ROPE3}),
    "mistral": (MistralConfig, MistralForCausalLM, {"tie_word_embeddings": False}),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {"tie_word_embeddings": True}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {"head_dim": 32, "tie_word_embeddings": True}),
}


def build_folder(folder: Path, family: str) -> Path:
    """Write a model of ``family`` as one finds it on a hub."""
    folder.mkdir(parents=True)
    special = _LLAMA if family in ("llama", "mistral") else _QWEN
    size = _write_tokenizer(folder, special)
    config_type, model_type, more = FAMILIES[family]
    torch.manual_seed(0)
    # A few rows more than tokens, as published models have.
    model = model_type(config_type(vocab_size=size + 5, **_SHAPE, **more))
    # Strong weights: with the initial ones attention hardly matters, and an error in it neither.
    for name, parameter in model.named_parameters():
        if name.endswith("proj.weight") or "embed" in name or "lm_head" in name:
            parameter.data *= 8
        if name.endswith("proj.bias"):
            parameter.data.normal_()
    model.to(torch.bfloat16).save_pretrained(folder)
    template = LLAMA3 if special is _LLAMA else CHATML
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    return folder


def _write_tokenizer(folder: Path, special: list[str]) -> int:
    """Byte-level BPE with a few merges. Returns the number of tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    text = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    merged = [text.pre_tokenize_str(word)[0][0][:2] for word in ("契約", "質問", "の", "、")]
    merges = sorted({(pair[0], pair[1]) for pair in merged})
    tokens = letters + ["".join(pair) for pair in merges]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    style = "llama3" if special is _LLAMA else "chatml"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_regex(_DIGITS[style]), "isolated"), text]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"eos_token": special[0], "pad_token": special[0]}
    if special is _LLAMA:
        config["bos_token"] = special[1]
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    return len(tokens) + len(special)


def _regex(pattern: str) -> Any:
    from tokenizers import Regex

    return Regex(pattern)
