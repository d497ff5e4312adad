"""Which examples make which step, decided before the first step.

The whole plan depends on the lengths and the seed alone, so a resumed run sees the batches it
would have seen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from homutune.engine._chat import NOT_SCORED, Pair, Tokens

_E = TypeVar("_E", Tokens, Pair)

#: Tokens, padding included, that go through the model at once; longer batches are split by
#: length and their gradients accumulated. Memory follows the longest part, and enough rows
#: remain for the matrix products to run at full speed.
MICRO_BATCH_TOKENS = 1536


def plan_epoch(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices of the examples of each step of one epoch.

    Examples of similar length share a batch (less padding); which ones, and the order of the
    batches, change with the epoch.

    Args:
        lengths: of the prompts, not of the whole examples: sorted by whole length, the short
            answers (abstentions) would fill batches of their own. Gradient clipping makes all
            steps about equally strong, so each of their few tokens would weigh many times more
            than one of a long answer, and the model would learn to abstain from everything.
    """
    rng = random.Random(f"{seed}:{epoch}")
    order = list(range(len(lengths)))
    rng.shuffle(order)
    # Sorting inside windows of several batches keeps lengths close and the order random.
    window = batch_size * 16
    batches: list[list[int]] = []
    for start in range(0, len(order), window):
        part = sorted(order[start : start + window], key=lambda i: lengths[i])
        batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    rng.shuffle(batches)
    return batches


def pad(examples: Sequence[Tokens], pad_id: int) -> dict[str, Tensor]:
    """Right-padded ``input_ids`` and ``labels``, both ``(examples, longest)``.

    There is no attention mask: with padding on the right and causal attention no real token
    ever sees a padded one, and attention without a mask is faster.
    """
    longest = max(len(example.ids) for example in examples)
    shape = (len(examples), longest)
    ids = torch.full(shape, pad_id, dtype=torch.long)
    labels = torch.full(shape, NOT_SCORED, dtype=torch.long)
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
        labels[row, : len(example.labels)] = torch.tensor(example.labels)
    return {"input_ids": ids, "labels": labels}


def micro_batches(examples: Sequence[_E], limit: int = MICRO_BATCH_TOKENS) -> list[list[_E]]:
    """Cut a step into parts of at most ``limit`` padded tokens (a single example may exceed it)."""
    parts: list[list[_E]] = []
    longest = 0
    for example in sorted(examples, key=lambda e: e.length):
        longest = max(longest, example.length)
        if parts and longest * (len(parts[-1]) + 1) <= limit:
            parts[-1].append(example)
        else:
            parts.append([example])
            longest = example.length
    return parts
