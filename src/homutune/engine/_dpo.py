"""Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290), inside our trainer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import softplus

from homutune.engine._chat import Pair
from homutune.engine._trainer import LoraTrainer, Losses


class DpoTrainer(LoraTrainer[Pair]):
    """Raises the chosen answer against the rejected one, measured from the reference model.

    The loss of a pair is ``-log sigmoid(margin)`` with ``margin = beta * (log p(chosen) -
    log p(rejected) - the same of the reference)``, p over the tokens of the answer alone. The
    reference is the model before its first step: the base, or the adapter training began with.
    Call :meth:`take_reference` before training.
    """

    def __init__(self, *args: Any, beta: float, **more: Any) -> None:
        super().__init__(*args, **more)
        self._beta = beta

    def take_reference(self, pairs: Sequence[Pair]) -> None:
        """Note what the model as it is now thinks of ``pairs``.

        Once for the whole run: a second copy of the model, or a second pass in each step, is not
        needed.
        """
        found = self._for_each(pairs, lambda part: self._log_ratios(self.model, part))
        for pair, ratio in zip(pairs, found, strict=True):
            pair.reference = ratio

    def _losses(self, model: nn.Module, examples: Sequence[Pair]) -> Losses:
        ratios = self._log_ratios(model, examples)
        margins = self._beta * (ratios - ratios.new_tensor([p.reference for p in examples]))
        return Losses(softplus(-margins), int((margins > 0).sum()))

    def _log_ratios(self, model: nn.Module, pairs: Sequence[Pair]) -> Tensor:
        """log p(chosen) - log p(rejected) of each pair, ``(pairs,)``."""
        # Both answers in one forward pass, so that their difference has one gradient.
        answers = [answer for pair in pairs for answer in (pair.chosen, pair.rejected)]
        negative = super()._losses(model, answers).each.view(-1, 2)
        return negative[:, 1] - negative[:, 0]
