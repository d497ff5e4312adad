from __future__ import annotations

import torch
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm

from homutune.engine._norm import rms_norm, speed_up_norms


def test_value_and_gradient_are_those_of_the_library() -> None:
    torch.manual_seed(0)
    norm = Gemma3RMSNorm(64).double()
    norm.weight.data.normal_()
    x = torch.randn(3, 5, 64, dtype=torch.float64, requires_grad=True)
    expected = norm(x)
    (expected_grad,) = torch.autograd.grad(expected.square().sum(), x)
    speed_up_norms(norm)
    ours = norm(x)
    (grad,) = torch.autograd.grad(ours.square().sum(), x)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-4, atol=1e-5)


def test_the_gradient_is_exact_to_finite_differences() -> None:
    torch.manual_seed(0)
    scale = torch.rand(6, dtype=torch.float64)
    x = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: rms_norm(v, scale, 1e-6), (x,))
