"""Tokens and cost of fine-tuning at OpenAI, counted here, before anything is uploaded.

Local models cost nothing but time; their tokens are counted by the engine.
"""

from __future__ import annotations

import functools
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from homutune.data._types import Message
from homutune.data._yaml import read_yaml
from homutune.errors import UserError

# Cookbook, "Data preparation and analysis for chat model fine-tuning".
_TOKENS_PER_MESSAGE = 3
_TOKENS_PER_NAME = 1
_TOKENS_OF_PRIMING = 3
#: Tokens of a character that is spelled byte by byte in UTF-8, at most.
_LONGEST_CHARACTER = 4
#: Examples named in a remark.
_NAMED = 5
_TARGET_EPOCHS, _MIN_EPOCHS, _MAX_EPOCHS = 3, 1, 25
_MIN_TARGET_EXAMPLES, _MAX_TARGET_EXAMPLES = 100, 25_000

_O200K = re.compile(r"^(?:chatgpt-4o|gpt-4o|gpt-4\.1|gpt-4\.5|gpt-5|o[0-9])")
_CL100K = re.compile(r"^gpt-(?:4|3\.5)(?:-|$)")


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """Prices of one base model in USD per million tokens."""

    name: str
    train: float
    input: float
    output: float
    cached: float | None
    #: Longest example in tokens that is trained on whole.
    token_cap: int
    methods: tuple[str, ...]
    aliases: tuple[str, ...]
    #: Last day of the base model, ISO 8601.
    shutdown: str | None


@dataclass(frozen=True, slots=True)
class PriceList:
    """A dated price list; ``usd_jpy`` is an assumption, as ``usd_jpy_note`` says."""

    date: str
    source: str
    usd_jpy: float
    usd_jpy_note: str
    models: tuple[ModelPrice, ...]

    def find(self, model: str) -> ModelPrice:
        """The prices of ``model``; ``ft:`` names count as their base model.

        Raises:
            UserError: the list does not hold it.
        """
        base = base_of(model)
        for price in self.models:
            if base in (price.name, *price.aliases):
                return price
        raise UserError(
            f"モデル「{model}」の料金が料金表にありません。",
            remedy=f"料金表にあるモデル: {', '.join(price.name for price in self.models)}",
        )


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens per example and in all."""

    min: int
    median: int
    max: int
    total: int


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What a fine-tuning job would cost; ``notes`` are Japanese remarks."""

    model: str
    encoding: str
    n_examples: int
    tokens: TokenCounts
    n_epochs: int
    #: Each example capped, times epochs. Validation is free.
    billed_tokens: int
    usd: float
    jpy: int
    #: Numbers (from 1) of the examples longer than the cap.
    over_cap: tuple[int, ...]
    price_date: str
    usd_jpy: float
    shutdown: str | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def base_of(model: str) -> str:
    """``ft:gpt-4.1-mini-2025-04-14:org:suffix:id`` → ``gpt-4.1-mini-2025-04-14``."""
    return model.removeprefix("ft:").split(":")[0] if model.startswith("ft:") else model


def encoding_of(model: str) -> tuple[str, str | None]:
    """The tokenizer of an OpenAI model, and a remark where it had to be assumed."""
    base = base_of(model)
    if _O200K.match(base):
        return "o200k_base", None
    if _CL100K.match(base):
        return "cl100k_base", None
    return "o200k_base", f"{model} の符号化は不明なため、o200k_base で数えました。"


@functools.cache
def _encoding(name: str) -> Any:
    # Tables come with the package; building one takes a tenth of a second.
    import bpe_openai

    return bpe_openai.get_encoding(name)


def count_openai_tokens(messages: Iterable[Mapping[str, Any] | Message], model: str) -> int:
    """Tokens of one example: 3 per message, its string values, 1 per name, 3 in the end.

    Source: OpenAI Cookbook. A careful measurement of a bill matched content + 4 per message
    instead, so expect to be right to a few percent.
    """
    encoding = _encoding(encoding_of(model)[0])
    total = _TOKENS_OF_PRIMING
    for message in messages:
        total += _TOKENS_PER_MESSAGE + (_TOKENS_PER_NAME if "name" in message else 0)
        for value in message.values():
            if isinstance(value, str):
                total += len(encoding.encode_ordinary(value))
    return total


def openai_pieces(
    messages: Iterable[Mapping[str, Any] | Message], model: str
) -> Iterator[tuple[str, bool, int]]:
    """(text, learned, tokens) of one example: roles and contents, the answers learned.

    The markers around a message are not published; ``role:`` and a line break stand for the
    three tokens that each message costs.
    """
    encoding = _encoding(encoding_of(model)[0])
    for message in messages:
        role = str(message.get("role", ""))
        yield f"{role}:\n", False, _TOKENS_PER_MESSAGE
        learned = role == "assistant" and message.get("weight", 1) != 0
        waiting: list[int] = []
        for token in encoding.encode_ordinary(str(message.get("content") or "")):
            waiting.append(token)
            text = encoding.decode(waiting)
            if not text.endswith("\ufffd") or len(waiting) == _LONGEST_CHARACTER:
                yield text, learned, len(waiting)
                waiting = []
        yield "\n", False, 0


def auto_epochs(n: int) -> int:
    """Epochs that ``auto`` is likely to mean for ``n`` training examples (cookbook's rule)."""
    if n <= 0:
        return _TARGET_EPOCHS
    if n * _TARGET_EPOCHS < _MIN_TARGET_EXAMPLES:
        return min(_MAX_EPOCHS, _MIN_TARGET_EXAMPLES // n)
    if n * _TARGET_EPOCHS > _MAX_TARGET_EXAMPLES:
        return max(_MIN_EPOCHS, _MAX_TARGET_EXAMPLES // n)
    return _TARGET_EPOCHS


def load_prices(path: Path | None = None) -> PriceList:
    """Read a price list; without ``path`` the one that comes with homutune.

    Raises:
        UserError: the file is missing or not a price list.
    """
    path = path or Path(__file__).with_name("prices.yaml")
    content = read_yaml(path, "料金表")
    try:
        return PriceList(
            date=str(content["date"]),
            source=str(content["source"]),
            usd_jpy=float(content["usd_jpy"]),
            usd_jpy_note=str(content["usd_jpy_note"]),
            models=tuple(_price(name, entry) for name, entry in content["models"].items()),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"料金表の項目を読めません（{error}）。",
            remedy="同梱の prices.yaml と同じ形にしてください。",
            file=path,
        ) from None


def _price(name: str, entry: Mapping[str, Any]) -> ModelPrice:
    return ModelPrice(
        name=str(name),
        train=float(entry["train"]),
        input=float(entry["input"]),
        output=float(entry["output"]),
        cached=float(entry["cached"]) if entry.get("cached") is not None else None,
        token_cap=int(entry["token_cap"]),
        methods=tuple(entry.get("methods") or ()),
        aliases=tuple(entry.get("aliases") or ()),
        shutdown=str(entry["shutdown"]) if entry.get("shutdown") else None,
    )


def token_counts(counts: Sequence[int]) -> TokenCounts:
    """Least, median, most and sum; zeros for none."""
    sizes = list(counts) or [0]
    return TokenCounts(min(sizes), round(statistics.median(sizes)), max(sizes), sum(sizes))


def estimate_cost(
    conversations: Sequence[Sequence[Mapping[str, Any] | Message]],
    model: str,
    *,
    n_epochs: int | None = None,
    prices: PriceList | None = None,
) -> CostEstimate:
    """Tokens and price of training ``model`` on ``conversations`` (training lines only).

    Args:
        n_epochs: without it, what ``auto`` is likely to choose.

    Raises:
        UserError: the model is not in the price list.
    """
    prices = prices or load_prices()
    price = prices.find(model)
    encoding, remark = encoding_of(model)
    counts = [count_openai_tokens(messages, model) for messages in conversations]
    epochs = n_epochs or auto_epochs(len(counts))
    billed = sum(min(count, price.token_cap) for count in counts) * epochs
    usd = billed * price.train / 1_000_000
    over = tuple(number for number, count in enumerate(counts, 1) if count > price.token_cap)
    notes = [remark] if remark else []
    if over:
        lost = sum(counts[number - 1] - price.token_cap for number in over)
        named = "・".join(map(str, over[:_NAMED])) + ("…" if len(over) > _NAMED else "")
        notes.append(
            f"{price.name}: {len(over)}件（{named}番目）が"
            f"上限 {price.token_cap:,} トークンを超えます。"
            f"末尾の計 {lost:,} トークンは切り捨てられ、学習されません。"
            "回答は末尾にあるので、資料や質問を短くしてください。"
        )
    if price.shutdown:
        over_now = date.today().isoformat() > price.shutdown
        state = "に終了しました。学習できません。" if over_now else "で終わる予定です。"
        notes.append(f"{price.name} の提供は {price.shutdown} {state}")
    return CostEstimate(
        model=price.name,
        encoding=encoding,
        n_examples=len(counts),
        tokens=token_counts(counts),
        n_epochs=epochs,
        billed_tokens=billed,
        usd=usd,
        jpy=round(usd * prices.usd_jpy),
        over_cap=over,
        price_date=prices.date,
        usd_jpy=prices.usd_jpy,
        shutdown=price.shutdown,
        notes=tuple(notes),
    )
