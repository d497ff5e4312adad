from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from homutune.engine._loss import chunked_cross_entropy


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_value_and_gradient_equal_pytorchs_cross_entropy(chunk: int) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(20, 16, dtype=torch.float64, requires_grad=True)
    head = torch.randn(50, 16, dtype=torch.float64)
    targets = torch.randint(0, 50, (20,))

    expected = cross_entropy(hidden @ head.T, targets, reduction="sum")
    (expected_grad,) = torch.autograd.grad(expected / 20, hidden)
    ours = chunked_cross_entropy(hidden, head, targets, chunk=chunk)
    (grad,) = torch.autograd.grad(ours.total / 20, hidden)

    assert ours.total.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-6, atol=1e-7)
    assert ours.correct == int(((hidden @ head.T).argmax(1) == targets).sum())


def test_bf16_stays_close_to_fp32_on_a_large_vocabulary() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(64, 64)
    head = torch.randn(20_000, 64) / 8
    targets = torch.randint(0, 20_000, (64,))
    exact = cross_entropy(hidden @ head.T, targets, reduction="sum").item()
    ours = chunked_cross_entropy(hidden.bfloat16(), head.bfloat16(), targets).total.item()
    assert ours == pytest.approx(exact, rel=2e-3)


def test_without_gradients_none_is_computed() -> None:
    hidden = torch.randn(4, 8, requires_grad=True)
    with torch.no_grad():
        loss = chunked_cross_entropy(hidden, torch.randn(10, 8), torch.tensor([0, 1, 2, 3]))
    assert not loss.total.requires_grad
