"""Several workers on one optimizer step: each takes a share of it, the gradients are added up.

Every worker holds the whole model and makes the same update, so one worker alone and many
together compute the same step, up to the order of the additions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from homutune.engine._chat import Pair, Tokens

_T = TypeVar("_T")
_E = TypeVar("_E", Tokens, Pair)


@dataclass(frozen=True, slots=True)
class Workers:
    """This worker among ``count``; needs torch's process group (gloo) where there are several."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that reports and writes."""
        return self.rank == 0

    def share(self, examples: Sequence[_E]) -> Sequence[_E]:
        """The examples of a step that fall to this worker, about equally many tokens for each."""
        if self.count == 1:
            return examples
        return sorted(examples, key=lambda e: e.length)[self.rank :: self.count]

    def add_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by the sum over all workers."""
        if self.count == 1:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in trained:
            if parameter.grad is None:  # a step with fewer examples than workers
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([p.grad.flatten() for p in trained if p.grad is not None])
        dist.all_reduce(flat)
        start = 0
        for parameter in trained:
            part = flat[start : start + parameter.numel()]
            start += parameter.numel()
            parameter.grad = part.view_as(parameter).clone()

    def add(self, total: float, correct: int) -> tuple[float, int]:
        """The sums over all workers."""
        if self.count == 1:
            return total, correct
        both = torch.tensor([total, correct], dtype=torch.float64)
        dist.all_reduce(both)
        return both[0].item(), int(both[1].item())

    def merge(self, values: Tensor) -> Tensor:
        """The values of all workers, each of which knows some of them and has 0 for the rest."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def any(self, wanted: bool) -> bool:
        """Whether one of them wants it: all must stop after the same step."""
        return self.add(float(wanted), 0)[0] > 0 if self.count > 1 else wanted

    def agree(self, value: _T) -> _T:
        """The first worker's value."""
        if self.count == 1:
            return value
        holder = [value]
        dist.broadcast_object_list(holder)
        return holder[0]


ALONE = Workers()


def joined() -> Workers:
    """The workers of torch's process group, which the caller has set up.

    The launcher's environment variables are removed: transformers' Trainer would take them for
    an order to share the work in its own way.
    """
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        os.environ.pop(name, None)
    return Workers(dist.get_rank(), dist.get_world_size())
