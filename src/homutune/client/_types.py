"""What goes into a model and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, TypedDict

#: How the answer is to be laid out; ``JSON`` needs no more than this, a schema is better.
Form = Literal["文章", "箇条書き", "表", "JSON"]
FORMS: tuple[Form, ...] = ("文章", "箇条書き", "表", "JSON")


class ChatMessage(TypedDict):
    """One message of a conversation, as the API takes it."""

    role: str
    content: str


class HasMessages(Protocol):
    """A prepared prompt; ``homutune.prompting.Prompt`` is one."""

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """System and user messages."""
        ...


#: What can be asked: a question, messages, or a prepared prompt.
Askable = str | Sequence[Mapping[str, Any]] | HasMessages


@dataclass(frozen=True, slots=True)
class Options:
    """How the answer is sampled; ``None`` leaves the choice to the server.

    Attributes:
        temperature: 0 is greedy decoding.
        top_p: share of the probability mass sampled from.
        max_tokens: limit of the answer.
        seed: the same seed gives the same answer where the server can do that.
        stop: texts that end the answer.
    """

    temperature: float | None = 0.0
    top_p: float | None = None
    max_tokens: int | None = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def as_request(self) -> dict[str, Any]:
        """The parameters that are set."""
        values: dict[str, Any] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "stop": list(self.stop) or None,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them, all attempts of one question together."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )

    @property
    def total_tokens(self) -> int:
        """Both together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Price:
    """Prices in USD per million tokens; ``usd_jpy`` is an assumption of the price list."""

    input: float
    output: float
    usd_jpy: float
    date: str

    def jpy(self, usage: Usage) -> float:
        """What ``usage`` costs, in yen."""
        usd = usage.prompt_tokens * self.input + usage.completion_tokens * self.output
        return usd / 1_000_000 * self.usd_jpy


@dataclass(frozen=True, slots=True)
class CitedArticle:
    """An article named in the answer, with what the index of articles says of it."""

    label: str
    #: 確認済み, 要確認, 該当なし or 旧法.
    verdict: str
    reason: str
    remedy: str = ""
    #: The law at e-Gov; None where the law is not known.
    url: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the article was found."""
        return self.verdict == "確認済み"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; every row is as long as the header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer and everything known about how it came about.

    Attributes:
        text: the answer as written, personal data put back.
        model: the model that answered; ``requested`` is the name asked for.
        finish_reason: ``stop``, or ``length`` where the limit cut it off.
        usage: tokens, as counted by the server.
        cost_jpy: yen; 0 for a local model, None where the price is not known.
        citations: the articles named in the text; empty where no checker was given.
        items: the points of a 箇条書き.
        table: the content of a 表.
        data: the value of a JSON answer, an instance where a pydantic model was asked for.
        notes: Japanese remarks for the reader: another model answered, the text was cut.
        attempts: requests made, repetitions included.
        latency_s: seconds from the question to the whole answer.
    """

    text: str
    model: str
    requested: str
    finish_reason: str | None = None
    usage: Usage = Usage()
    cost_jpy: float | None = None
    citations: tuple[CitedArticle, ...] = ()
    form: Form = "文章"
    items: tuple[str, ...] = ()
    table: Table | None = None
    data: Any = None
    notes: tuple[str, ...] = ()
    attempts: int = 1
    latency_s: float = 0.0
    request_id: str | None = None

    @property
    def truncated(self) -> bool:
        """Whether the limit of tokens cut the answer off."""
        return self.finish_reason == "length"

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        data = self.data.model_dump(mode="json") if hasattr(self.data, "model_dump") else self.data
        values = asdict(self) if data is self.data else _as_dict_without_data(self)
        return {**values, "data": data, "truncated": self.truncated}


def _as_dict_without_data(reply: Reply) -> dict[str, Any]:
    """``asdict`` would copy a pydantic instance; it is written by its own method."""
    return asdict(replace(reply, data=None))


class RegisteredModel(Protocol):
    """What is remembered of a fine-tuned model; ``homutune.tuning.ModelEntry`` is one."""

    @property
    def model(self) -> str:
        """Its name at the server, ``ft:…``."""
        ...

    @property
    def job_id(self) -> str:
        """``ftjob-…``."""
        ...

    @property
    def suffix(self) -> str | None:
        """What the user called it."""
        ...


def _no_citations(text: str) -> Sequence[CitedArticle]:
    return ()


def _no_models(base_url: str) -> Sequence[RegisteredModel]:
    return ()


def _no_price(model: str) -> Price | None:
    return None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the client itself must not know: law, data and the registry, handed in as functions.

    Attributes:
        citations: the articles named in a text, with verdicts.
        registered: remembered models of a server, newest first.
        price: the price of a model, None where it is not known.
        pseudonymize: messages with placeholders for personal data, and placeholder → value.
    """

    citations: Callable[[str], Sequence[CitedArticle]] = _no_citations
    registered: Callable[[str], Sequence[RegisteredModel]] = _no_models
    price: Callable[[str], Price | None] = _no_price
    pseudonymize: (
        Callable[[Sequence[ChatMessage]], tuple[list[ChatMessage], Mapping[str, str]]] | None
    ) = None
