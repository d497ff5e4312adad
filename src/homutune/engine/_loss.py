"""Cross-entropy for a very large vocabulary, on the few tokens that are scored.

Gemma's vocabulary has 262,144 entries: full logits of 2,048 tokens take 2 GB in fp32, three
times over. Here the logits exist for one chunk of scored tokens at a time, and the gradient
with respect to the hidden states is computed in the same pass, so that nothing of the size of
the vocabulary is kept for the backward pass. The head itself is frozen under LoRA and needs no
gradient. (The idea is that of Cut Cross-Entropy, Wijmans et al. 2024, and Liger Kernel, Hsu et
al. 2024, here for a CPU.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

#: Scored tokens per chunk: 256 x 262,144 in bf16 is 134 MB.
CHUNK = 256


class Loss(NamedTuple):
    """Negative log-likelihood of each token (fp32), and which are hit by argmax (bool)."""

    tokens: Tensor
    hits: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of the negative log-likelihoods, a scalar."""
        return self.tokens.sum()

    @property
    def correct(self) -> int:
        """Number of tokens hit by argmax."""
        return int(self.hits.sum())


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, chunk: int, needs_grad: bool
    ) -> tuple[Tensor, Tensor]:
        losses = torch.empty(hidden.shape[0], dtype=torch.float32, device=hidden.device)
        hits = torch.empty(hidden.shape[0], dtype=torch.bool, device=hidden.device)
        grad = torch.empty_like(hidden) if needs_grad else None
        for start in range(0, hidden.shape[0], chunk):
            part = slice(start, start + chunk)
            target = targets[part].unsqueeze(1)
            scores = hidden[part] @ head.T
            top, index = scores.max(dim=1, keepdim=True)
            hits[part] = (index == target).squeeze(1)
            picked = scores.gather(1, target).float()
            # In place and in the precision of the model; only the sums are fp32.
            weights = scores.sub_(top).exp_()
            norm = weights.sum(dim=1, keepdim=True, dtype=torch.float32)
            losses[part] = (norm.log() + top.float() - picked).squeeze(1)
            if grad is not None:
                # softmax @ head - head[target], normalised after the product: two passes over
                # the vocabulary less than building the softmax first.
                mean = (weights @ head).float().div_(norm)
                grad[part] = mean.sub_(head[target.squeeze(1)].float()).to(grad.dtype)
        ctx.grad = grad
        ctx.mark_non_differentiable(hits)
        return losses, hits

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        return ctx.grad * grads[0].unsqueeze(1).to(ctx.grad.dtype), None, None, None, None


def chunked_cross_entropy(
    hidden: Tensor, head: Tensor, targets: Tensor, *, chunk: int = CHUNK
) -> Loss:
    """Cross-entropy of ``softmax(hidden @ head.T)`` against ``targets``, token by token.

    Args:
        hidden: ``(tokens, width)``, the last hidden states that predict a scored token.
        head: ``(vocabulary, width)``, frozen, of the dtype the matrix product shall use.
        targets: ``(tokens,)``, token ids.
        chunk: scored tokens whose logits are held at a time.
    """
    needs_grad = hidden.requires_grad and torch.is_grad_enabled()
    losses, hits = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden.to(head.dtype), head.detach(), targets, chunk, needs_grad
    )
    return Loss(losses, hits)
