"""LoRA inside transformers' Trainer, with our loss and our order of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.helpers import disable_input_dtype_casting
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments

from homutune.engine._batches import micro_batches, pad
from homutune.engine._chat import NOT_SCORED, Pair, Tokens
from homutune.engine._job import Unsupported
from homutune.engine._loss import Loss, chunked_cross_entropy
from homutune.engine._memory import peak_memory
from homutune.engine._norm import speed_up_norms
from homutune.engine._parallel import ALONE, Workers

#: What is trained on: conversations, or pairs of answers (``_dpo.py``).
E = TypeVar("E", Tokens, Pair)


@dataclass(frozen=True, slots=True)
class Precision:
    """The dtype of the matrix products, and why."""

    dtype: torch.dtype
    reason: str


def choose_precision(device: torch.device, wanted: str = "auto") -> Precision:
    """bf16 where the hardware multiplies it natively, fp32 elsewhere, or what was ``wanted``."""
    if wanted != "auto":
        dtype = torch.bfloat16 if wanted == "bf16" else torch.float32
        return Precision(dtype, f"{wanted}: 指定のとおり")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported():
            return Precision(torch.bfloat16, "bf16: この GPU は bf16 に対応しています")
        return Precision(torch.float32, "fp32: この GPU は bf16 に対応していません")
    if torch.cpu._is_amx_tile_supported():
        return Precision(torch.bfloat16, "bf16: この CPU には AMX があります")
    if torch.cpu._is_avx512_bf16_supported():
        return Precision(torch.bfloat16, "bf16: この CPU には AVX512-BF16 があります")
    return Precision(torch.float32, "fp32: この CPU には bf16 の命令がありません")


def peak_training_memory() -> int:
    """The most bytes training has held at once: of the GPU where there is one, else of us."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_memory()


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """LoRA (Hu et al. 2021) on every linear layer of the body; the head stays as it is.

    ``target_modules`` names the layers instead: ``("q_proj", "v_proj")``.
    """

    rank: int = 16
    alpha: int = 32
    target_modules: str | tuple[str, ...] = "all-linear"


def check_4bit(device: torch.device) -> None:
    """Whether the base can be held in 4 bits here.

    Raises:
        Unsupported: there is no CUDA device, or bitsandbytes is not installed.
    """
    if device.type != "cuda" or find_spec("bitsandbytes") is None:
        what = "CUDA の GPU" if device.type != "cuda" else "bitsandbytes"
        raise Unsupported(
            f"load_in_4bit（QLoRA）には {what} が必要です。",
            remedy="load_in_4bit を外すか、GPU のあるマシンで pip install 'homutune[qlora]' を"
            "実行してください。",
        )


def load_model(
    base: Path,
    lora: LoraSettings,
    dtype: torch.dtype,
    device: torch.device,
    start: Path | None = None,
    *,
    in_4bit: bool = False,
) -> PeftModel:
    """The frozen base in ``dtype`` with fresh fp32 adapters, or with the adapter ``start``.

    With ``in_4bit`` its linear layers are held as NF4 with double quantisation and multiplied
    in ``dtype`` (QLoRA, Dettmers et al. 2023); embeddings, norms and head stay in ``dtype``.
    """
    options: dict[str, Any] = {"dtype": dtype, "attn_implementation": "sdpa"}
    if in_4bit:
        options["device_map"] = {"": device}
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    # PEFT's prepare_model_for_kbit_training is not called: it would make the head fp32 and
    # recompute activations, and our loss and micro-batches already keep memory low.
    model = AutoModelForCausalLM.from_pretrained(base, **options)
    if start is None:
        tuned = _fresh(model, lora)
    else:
        tuned = PeftModel.from_pretrained(model, start, is_trainable=True)
    speed_up_norms(tuned)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return tuned if in_4bit else tuned.to(device)


def _fresh(model: Any, lora: LoraSettings) -> PeftModel:
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,
        target_modules=lora.target_modules
        if isinstance(lora.target_modules, str)
        else list(lora.target_modules),
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise Unsupported(
            f"target_modules {config.target_modules} は、このモデルにありません。",
            remedy="target_modules を省くと、すべての線形層を学習します。",
        ) from error


@dataclass(frozen=True, slots=True)
class Score:
    """Mean loss per scored token (nats) and share of them hit by argmax.

    Of pairs: mean loss per pair, and share of them whose chosen answer has the greater margin.
    """

    loss: float
    accuracy: float


class Losses(NamedTuple):
    """Loss of each example, ``(examples,)``, and the number of hits among all of them."""

    each: Tensor
    correct: int


class _Steps(Dataset[list[Any]]):
    """One item per optimizer step, in the planned order."""

    def __init__(self, examples: Sequence[Any], plan: Sequence[Sequence[int]]) -> None:
        self._examples = examples
        self._plan = plan

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, step: int) -> list[Any]:
        return [self._examples[i] for i in self._plan[step]]


def _only(steps: list[list[Any]]) -> list[Any]:
    return steps[0]


class LoraTrainer(Trainer, Generic[E]):
    """Transformers' Trainer, where one "example" of the loader is a whole planned step.

    Args:
        model: a PEFT model with fp32 adapters over a frozen base.
        args: only optimizer, schedule, clipping and saving are used.
        examples: tokenised training examples.
        plan: indices of the examples of every step of every epoch.
        pad_id: token to pad with.
        dtype: of the matrix products.
        workers: who shares the steps; all of them must make the same calls.
    """

    def __init__(
        self,
        model: PeftModel,
        args: TrainingArguments,
        *,
        examples: Sequence[E],
        plan: Sequence[Sequence[int]],
        pad_id: int,
        dtype: torch.dtype,
        workers: Workers = ALONE,
        callbacks: list[Any] | None = None,
    ) -> None:
        super().__init__(
            model=model, args=args, train_dataset=_Steps(examples, plan), callbacks=callbacks
        )
        self._pad_id = pad_id
        self._dtype = dtype
        self._workers = workers
        self._weight_per_step = sum(examples[i].weight for step in plan for i in step) / len(plan)
        self.last = Score(float("nan"), float("nan"))

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The planned steps in order; the order of the plan is already random."""
        return DataLoader(self.train_dataset, batch_size=1, collate_fn=_only)

    def training_step(
        self, model: nn.Module, inputs: list[E], num_items_in_batch: Tensor | None = None
    ) -> Tensor:
        """Forward and backward of one step, cut into parts that fit in memory.

        Every scored token of the training data weighs the same, in whichever step it falls: the
        sum is divided by the scored tokens of an average step, not by those of its own.
        """
        model.train()
        weight = sum(example.weight for example in inputs)
        total, correct = 0.0, 0
        for part in micro_batches(self._workers.share(inputs)):
            losses = self._losses(model, part)
            loss = losses.each.sum()
            (loss / self._weight_per_step).backward()  # type: ignore[no-untyped-call]
            total += loss.item()
            correct += losses.correct
        self._workers.add_gradients(model.parameters())
        total, correct = self._workers.add(total, correct)
        self.last = Score(total / weight, correct / weight)
        return torch.tensor(self.last.loss)

    @torch.no_grad()
    def score(self, examples: Sequence[E]) -> Score:
        """Loss and accuracy over all of ``examples``."""
        self.model.eval()
        total, correct = 0.0, 0
        for part in micro_batches(self._workers.share(examples)):
            losses = self._losses(self.model, part)
            total += losses.each.sum().item()
            correct += losses.correct
        total, correct = self._workers.add(total, correct)
        weight = sum(example.weight for example in examples)
        return Score(total / weight, correct / weight)

    def score_each(self, examples: Sequence[E]) -> list[float]:
        """Loss of each of the ``examples``, per scored token or pair."""
        sums = self._for_each(examples, lambda part: self._losses(self.model, part).each)
        return [total / example.weight for total, example in zip(sums, examples, strict=True)]

    @torch.no_grad()
    def _for_each(
        self, examples: Sequence[E], measure: Callable[[Sequence[E]], Tensor]
    ) -> list[float]:
        """One number for each example, the work shared; ``measure`` gets a micro-batch."""
        self.model.eval()
        values = torch.zeros(len(examples), dtype=torch.float64)
        order = sorted(range(len(examples)), key=lambda i: examples[i].length)
        share = order[self._workers.rank :: self._workers.count]
        done = 0
        for part in micro_batches([examples[i] for i in share]):  # keeps the order by length
            places = share[done : done + len(part)]
            values[places] = measure(part).double().cpu()
            done += len(part)
        merged: list[float] = self._workers.merge(values).tolist()
        return merged

    def _losses(self, model: nn.Module, examples: Sequence[Any]) -> Losses:
        """Of each example: what is to be made small, and how often argmax hits."""
        loss = self._token_losses(model, examples)
        # Nothing predicts the first token, should a template begin with an answer.
        counts = [e.scored - (e.labels[0] != NOT_SCORED) for e in examples]
        each = torch.stack([part.sum() for part in torch.split(loss.tokens, counts)])
        return Losses(each, loss.correct)

    def _token_losses(self, model: nn.Module, examples: Sequence[Tokens]) -> Loss:
        """The scored tokens of all examples, one example after the other."""
        device = next(model.parameters()).device
        batch = {name: value.to(device) for name, value in pad(examples, self._pad_id).items()}
        causal = model.get_base_model()  # type: ignore[operator]
        # The adapters stay fp32 (their updates are too small for bf16) and are read as bf16:
        # PEFT's own cast of the inputs to fp32 would cost memory and half the speed.
        with self._autocast(device), disable_input_dtype_casting(model):
            body = causal.base_model
            hidden = body(input_ids=batch["input_ids"], use_cache=False).last_hidden_state
        target = batch["labels"][:, 1:]
        chosen = target != NOT_SCORED
        return chunked_cross_entropy(
            hidden[:, :-1][chosen], causal.get_output_embeddings().weight, target[chosen]
        )

    def _autocast(self, device: torch.device) -> AbstractContextManager[None]:
        return torch.autocast(device.type, self._dtype, enabled=self._dtype != torch.float32)
