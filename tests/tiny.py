"""A real but tiny base model of Gemma 3's shape, built in a second, and what it is trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import yaml
from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, GGUFWriter, TokenType, get_tensor_name_map
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from homutune.engine._chat import GEMMA_TEMPLATE

SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
CHARACTERS = (
    '\n▁0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ[]{}"/-_.,:、。：？！「」（）'
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん"
    "がぎぐげござじずぜぞだぢづでどばびぶべぼぱぴぷぺぽっゃゅょーアイウエオカキクケコサシスセソタ"
    "チツテトナニネノハヒフヘホマミムメモヤユヨラリルレロワンガギグゲゴザジズデドバビブベボパピ"
    "結論根拠留意点契約書法律解釈質問参考資料民商第条項号買主売通知期間内必要年月日損害賠償請求"
)
BYTES = [f"<0x{i:02X}>" for i in range(256)]
VOCABULARY = SPECIAL + BYTES + sorted(set(CHARACTERS))

CONFIG = Gemma3TextConfig(
    vocab_size=len(VOCABULARY),
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=32,
    query_pre_attn_scalar=32,
    sliding_window=512,
    max_position_embeddings=4096,
    layer_types=["sliding_attention", "full_attention"],
    pad_token_id=0,
    eos_token_id=1,
    bos_token_id=2,
)


def build_tiny_base(home: Path, name: str = "tiny-gemma") -> Path:
    """Write ``<home>/bases/<name>`` complete with safetensors, GGUF, tokenizer and template."""
    folder = home / "bases" / name
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = Gemma3ForCausalLM(CONFIG).to(torch.bfloat16)
    # The head is tied and stays frozen: with its tiny initial norm no adapter could be certain.
    model.model.embed_tokens.weight.data *= 8
    model.save_pretrained(folder)
    _write_tokenizer(folder)
    _write_gguf(model, folder / "model.gguf")
    (folder / "chat_template.jinja").write_text(GEMMA_TEMPLATE, "utf-8")
    stored = {
        "id": name,
        "created": 1_700_000_000,
        "owned_by": "tests",
        "license": "Apache-2.0",
        "license_url": "",
        "sha256": None,
        "path": None,
    }
    (folder / "base.json").write_text(json.dumps(stored), "utf-8")
    return folder


def conversation(answer: str, number: int = 0) -> list[dict[str, Any]]:
    """A short conversation the tiny model can learn; ``number`` varies question and length."""
    return [
        {"role": "system", "content": "結論"},
        {"role": "user", "content": f"質問{number}" + "契約" * (number % 5)},
        {"role": "assistant", "content": answer},
    ]


def write_job(
    folder: Path, home: Path, answer: str = "はい。", n_examples: int = 10, **job: Any
) -> Path:
    """A job folder that trains the tiny base of ``home`` on ``answer``; ``job`` adds to its job."""
    folder.mkdir(parents=True)
    examples = [json.dumps({"messages": conversation(answer, i)}) for i in range(n_examples)]
    (folder / "train.jsonl").write_text("\n".join(examples), "utf-8")
    made = {
        "model": "tiny-gemma",
        "base_path": str(home / "bases" / "tiny-gemma"),
        "train_file": str(folder / "train.jsonl"),
        "seed": 1,
        "adapter_path": str(home / "adapters" / folder.name),
        **job,
    }
    (folder / "job.json").write_text(json.dumps(made), "utf-8")
    return folder


def small_corpus(folder: Path) -> Path:
    """Write ten cards of the corpus and the questions about them."""
    corpus = Path(__file__).resolve().parents[1] / "corpus"
    cards = yaml.safe_load((corpus / "cards/keiyaku.yaml").read_text("utf-8"))[:10]
    qa = yaml.safe_load((corpus / "qa/keiyaku.yaml").read_text("utf-8"))
    known = {card["id"] for card in cards}
    qa["pairs"] = [pair for pair in qa["pairs"] if set(pair["cards"]) <= known]
    for name, content in (("cards", cards), ("qa", qa)):
        (folder / name).mkdir(parents=True)
        text = yaml.safe_dump(content, allow_unicode=True)
        (folder / name / "part.yaml").write_text(text, "utf-8")
    return folder


def _write_tokenizer(folder: Path) -> None:
    vocabulary = {token: i for i, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")


def _write_gguf(model: Gemma3ForCausalLM, path: Path) -> None:
    architecture = MODEL_ARCH.GEMMA3
    writer = GGUFWriter(path, MODEL_ARCH_NAMES[architecture])
    writer.add_context_length(CONFIG.max_position_embeddings)
    writer.add_embedding_length(CONFIG.hidden_size)
    writer.add_block_count(CONFIG.num_hidden_layers)
    writer.add_feed_forward_length(CONFIG.intermediate_size)
    writer.add_head_count(CONFIG.num_attention_heads)
    writer.add_head_count_kv(CONFIG.num_key_value_heads)
    writer.add_key_length(CONFIG.head_dim)
    writer.add_value_length(CONFIG.head_dim)
    writer.add_layer_norm_rms_eps(CONFIG.rms_norm_eps)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_sliding_window(CONFIG.sliding_window)
    types = dict.fromkeys(SPECIAL, TokenType.CONTROL) | dict.fromkeys(BYTES, TokenType.BYTE)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(VOCABULARY)
    writer.add_token_scores([0.0] * len(VOCABULARY))
    writer.add_token_types([types.get(token, TokenType.NORMAL) for token in VOCABULARY])
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_space_prefix(False)  # as Gemma has it
    names = get_tensor_name_map(architecture, CONFIG.num_hidden_layers)
    for name, value in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        mapped = names.get_name(name, try_suffixes=(".weight",))
        array = value.float().numpy()
        if name.endswith("norm.weight"):
            array = array + 1  # Gemma stores its norm weights minus one
        writer.add_tensor(mapped, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
