"""How much memory training takes: an estimate from the shape of a model, or what was taken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

#: Python, torch, transformers and the tokenizer before any weight is loaded.
RUNTIME_BYTES = 1_000_000_000
#: Tokens of a micro-batch (``_batches.py``) and scored tokens of a chunk of the loss.
_TOKENS, _CHUNK = 1536, 256
_SHAPE = ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size")


def training_memory(folder: Path) -> int | None:
    """Peak bytes of a LoRA run on the base model in ``folder``, in the dtype it is stored in.

    Weights count twice (the file's pages and the tensors), activations four times (the forward
    pass, the gradients of the layer under way, and what the allocator keeps of both). Of a layer
    a token keeps about twelve vectors of the hidden and five of the intermediate size. The
    factors are fitted to one run: for the 270M model they give 6.3 GB where 6.7 GB were measured
    (Linux, CPU, bf16). Take the estimate as right to about a third. None where the model does
    not say its shape under the usual names.
    """
    config = json.loads((folder / "config.json").read_text("utf-8"))
    shape = config.get("text_config", config)  # a model that also sees pictures
    if any(name not in shape for name in _SHAPE):
        return None
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    token = 2 * shape["num_hidden_layers"] * (12 * hidden + 5 * inner)
    head = 4 * _CHUNK * shape["vocab_size"]
    return int(RUNTIME_BYTES + 2 * weights + 4 * _TOKENS * token + head)


def peak_memory() -> int:
    """The most bytes this process has held at once."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
