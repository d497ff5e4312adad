"""Gemma's RMSNorm with few passes over memory.

There are six norms in each layer, and the library's version goes through fp32 copies and about
ten passes each way: a fifth of a training step on a CPU. Here the sum of squares is fp32, the
rest stays in the dtype of the input. ``bench/training_step.py --library-norms`` shows the
difference.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


class _RMSNorm(torch.autograd.Function):
    """``x / sqrt(mean(x²) + eps) * scale`` over the last dimension; ``scale`` is frozen."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, eps: float) -> Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
        inverse = norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_().to(x.dtype)
        normed = x * inverse
        ctx.save_for_backward(normed, inverse, scale)
        output: Tensor = normed * scale
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        normed, inverse, scale = ctx.saved_tensors
        grad = grads[0] * scale
        along = torch.linalg.vecdot(grad, normed).unsqueeze(-1) / normed.shape[-1]
        return torch.addcmul(grad, normed, along, value=-1).mul_(inverse), None, None


def rms_norm(x: Tensor, scale: Tensor, eps: float) -> Tensor:
    """RMSNorm (Zhang and Sennrich 2019) of ``x`` ``(…, width)`` with a frozen ``scale``."""
    return _RMSNorm.apply(x, scale, eps)  # type: ignore[no-untyped-call,no-any-return]


def speed_up_norms(model: nn.Module) -> None:
    """Give Gemma 3's frozen norms the fast forward; other models keep theirs."""
    for module in model.modules():
        if type(module).__name__ == "Gemma3RMSNorm":
            weight = module.weight
            assert isinstance(weight, Tensor)
            scale = 1.0 + weight.detach()  # Gemma stores its scale minus one
            module.forward = partial(_forward, scale, module.eps)


def _forward(scale: Tensor, eps: Any, x: Tensor) -> Tensor:
    return rms_norm(x, scale.to(device=x.device, dtype=x.dtype), eps)
