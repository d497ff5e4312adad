"""Bodies of requests, with OpenAI's limits."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class Body(BaseModel):
    """A JSON body."""

    # An argument nobody reads is refused, not ignored.
    model_config = ConfigDict(extra="forbid")


class RequestBody(Body):
    """The whole body of a request."""

    @model_validator(mode="before")
    @classmethod
    def _whole_characters(cls, value: Any) -> Any:
        # JSON can spell half a character ("\ud83d"), which no file, answer or database takes.
        # A body that does not say it is JSON arrives as bytes, which the type then refuses.
        if isinstance(value, dict):
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                raise ValueError("a string holds half of a surrogate pair") from None
            except RecursionError:
                raise ValueError("it is nested too deeply") from None
        return value


class ExpiresAfter(Body):
    """When a file is to be removed; ``seconds`` after its creation."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=3600, le=2592000)]


def _whole(low: int, high: int) -> BeforeValidator:
    def check(value: Any) -> int | str:
        if value is None or value == "auto":
            return "auto"
        # JSON knows no integers: 3.0 is 3.
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not float(value).is_integer() or not low <= value <= high:
            raise ValueError(f"must be 'auto' or an integer from {low} to {high}")
        return int(value)

    return BeforeValidator(check)


def _positive(value: Any) -> float | str:
    if value is None or value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError("must be 'auto' or a number greater than 0")
    return float(value)


#: Linear layers of the models transformers and llama.cpp both know by these names.
LINEAR_LAYERS = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
#: Longest training example of OpenAI's models, in tokens.
MAX_LENGTH = 65_536


class Hyperparameters(Body):
    """Of supervised fine-tuning: OpenAI's three and, below, our own.

    The SDK sends our own as they are: ``hyperparameters={"n_epochs": 2, "lora_rank": 8}``, or
    through ``extra_body``.
    """

    n_epochs: Annotated[Literal["auto"] | int, _whole(1, 50)] = "auto"
    batch_size: Annotated[Literal["auto"] | int, _whole(1, 256)] = "auto"
    learning_rate_multiplier: Annotated[Literal["auto"] | float, BeforeValidator(_positive)] = (
        "auto"
    )

    lora_rank: Annotated[int, Field(ge=1, le=256)] | None = None
    lora_alpha: Annotated[int, Field(ge=1, le=1024)] | None = None
    target_modules: (
        Literal["all-linear"] | Annotated[list[LINEAR_LAYERS], Field(min_length=1)] | None
    ) = None
    #: Absolute, in place of the multiplier.
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    #: Longest example in tokens; what is longer is cut from its end.
    max_length: Annotated[int, Field(ge=16, le=MAX_LENGTH)] | None = None
    precision: Literal["auto", "bf16", "fp32"] | None = None
    #: Epochs without a lower validation loss after which training ends.
    early_stopping_patience: Annotated[int, Field(ge=1, le=50)] | None = None
    #: Whether to tell at the end which examples keep a high loss.
    rank_examples: bool | None = None
    #: QLoRA: the frozen base in 4 bits, on a CUDA GPU with bitsandbytes.
    load_in_4bit: bool | None = None

    @model_validator(mode="after")
    def _one_learning_rate(self) -> Hyperparameters:
        if self.learning_rate is not None and self.learning_rate_multiplier != "auto":
            raise ValueError("use either 'learning_rate' or 'learning_rate_multiplier', not both")
        return self


class Supervised(Body):
    """``method.supervised``."""

    hyperparameters: Hyperparameters | None = None


def _beta(value: Any) -> float | str:
    if value is None or value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 2:
        raise ValueError("must be 'auto' or a number greater than 0, at most 2")
    return float(value)


class DpoHyperparameters(Hyperparameters):
    """Of preference fine-tuning."""

    beta: Annotated[Literal["auto"] | float, BeforeValidator(_beta)] = "auto"


class Dpo(Body):
    """``method.dpo``."""

    hyperparameters: DpoHyperparameters | None = None


class Method(Body):
    """``method``; reinforcement is recognised to be refused by name."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: Supervised | None = None
    dpo: Dpo | None = None
    reinforcement: Any = None


def check_metadata(value: Any) -> Any:
    """OpenAI's limits of ``metadata``."""
    if isinstance(value, dict):
        if len(value) > 16:
            raise ValueError("must have at most 16 pairs")
        for key, text in value.items():
            if len(key) > 64 or (isinstance(text, str) and len(text) > 512):
                raise ValueError("keys must have at most 64 and values at most 512 characters")
    return value


class CreateJob(RequestBody):
    """``POST /v1/fine_tuning/jobs``."""

    model: str
    training_file: str
    validation_file: str | None = None
    hyperparameters: Hyperparameters | None = None
    method: Method | None = None
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    metadata: Annotated[dict[str, str], BeforeValidator(check_metadata)] | None = None
    integrations: list[Any] | None = None

    def asked_hyperparameters(self) -> Hyperparameters:
        """Those of ``method``, or the deprecated ones beside it."""
        method = self.method
        chosen = (method.dpo if method.type == "dpo" else method.supervised) if method else None
        nested = chosen.hyperparameters if chosen else None
        return nested or self.hyperparameters or Hyperparameters()
