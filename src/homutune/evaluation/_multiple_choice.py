"""Multiple-choice sets: closed book and with the text, every order of the options tried.

A model that likes one letter looks good on a set whose answers lean to it (always "c" scores
34 % on lawqa_jp in its fixed order), so every question is asked once for each rotation of its
options, and the row of the most frequent letter always stands beside the model's.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from homutune.errors import UserError
from homutune.evaluation._answers import SEED, ends_the_run, patiently, side_by_side
from homutune.evaluation._statistics import Interval, t_interval, wilson
from homutune.files import JsonLines

if TYPE_CHECKING:
    import openai

LETTERS = "abcdefghij"
MAX_TOKENS = 32
_SYSTEM = (
    "次の問題に、選択肢の記号（{letters}）を一文字だけ書いて答えてください。説明は書きません。"
)
_WITH_TEXT = "参考の文章だけを根拠にしてください。"


class ChoiceItem(Protocol):
    """A question of which exactly one option is right."""

    @property
    def id(self) -> str:
        """Id, unique in its set."""
        ...

    @property
    def question(self) -> str:
        """The question."""
        ...

    @property
    def options(self) -> tuple[str, ...]:
        """Two to ten options."""
        ...

    @property
    def answer(self) -> int:
        """Index of the right option, from 0."""
        ...

    @property
    def context(self) -> str | None:
        """What the question is to be answered from, if anything."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One reply.

    Attributes:
        rotation: how many places the options were moved.
        letter: index of the letter chosen as shown; None when none could be read.
        right: whether the option behind it is the right one.
        error: why there is no reply.
    """

    item: str
    rotation: int
    key: str
    letter: int | None
    right: bool
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ChoiceSummary:
    """A model on one set in one form.

    Attributes:
        with_text: whether the context was shown.
        accuracy: mean over questions of the share of rotations answered right, with its 95 %
            Student-t interval over questions. What could not be read counts as wrong.
        given_order: right answers in the order given, of ``n``, with the Wilson interval.
        always_right: questions right in every rotation.
        letters: how often each letter was chosen, over all rotations.
        unread, failed: replies without a letter; requests that failed.
        majority: letter that is right most often in the order given, and how often.
        chance: expected share of a blind guess.
    """

    model: str
    with_text: bool
    n: int
    accuracy: float
    interval: Interval | None
    given_order: int
    given_interval: Interval
    always_right: int
    letters: dict[str, int]
    unread: int
    failed: int
    majority: tuple[str, int]
    chance: float

    @property
    def majority_share(self) -> float:
        """What always writing the most frequent letter scores in the order given."""
        return self.majority[1] / self.n


def answer_choices(
    client: openai.OpenAI,
    items: Sequence[ChoiceItem],
    log: Path,
    *,
    model: str,
    with_text: bool = False,
    concurrency: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> ChoiceSummary:
    """Ask every question in every rotation; what stands in ``log`` is not asked again.

    Args:
        log: JSON lines, appended as replies arrive.
        with_text: show each question's context; questions without one are left out.

    Raises:
        UserError: there is no question to ask.
        openai.APIError: no further question can succeed; the replies so far are kept.
    """
    chosen = [item for item in items if item.context or not with_text]
    if not chosen:
        raise UserError(
            "参考の文章（context）のある問題がありません。" if with_text else "問題がありません。",
            remedy="問題・選択肢・正解のあるファイルを指定してください。",
        )
    work = [(item, rotation) for item in chosen for rotation in range(len(item.options))]
    known = {choice.key: choice for choice in _read(log) if choice.error is None}
    keys = [_key(model, choice_messages(item, rotation, with_text)) for item, rotation in work]
    tasks = [
        partial(_ask, client, model, item, rotation, with_text, key)
        for (item, rotation), key in zip(work, keys, strict=True)
        if key not in known
    ]
    done = len(work) - len(tasks)
    failed: dict[str, Choice] = {}
    for choice in JsonLines(log).append_all(side_by_side(tasks, concurrency)):
        (known if choice.error is None else failed)[choice.key] = choice
        done += 1
        if progress:
            progress(done, len(work))
    return _summarize(model, with_text, chosen, [(known | failed)[key] for key in keys])


def choice_messages(item: ChoiceItem, rotation: int, with_text: bool) -> list[dict[str, str]]:
    """System and user message with the options moved ``rotation`` places."""
    count = len(item.options)
    shown = [item.options[(place + rotation) % count] for place in range(count)]
    letters = "・".join(LETTERS[:count])
    lines = [f"{letter}. {text}" for letter, text in zip(LETTERS, shown, strict=False)]
    parts = [f"問題：{item.question}", "\n".join(lines)]
    if with_text:
        parts.insert(0, f"参考：\n{item.context}")
    system = _SYSTEM.format(letters=letters) + (_WITH_TEXT if with_text else "")
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": "\n\n".join(parts)},
    ]


def read_letter(reply: str, count: int) -> int | None:
    """Index of the letter in a reply; None where it names none, or several.

    A letter counts where no other Latin letter touches it: 「b」, 「答え：(ｂ)」, 「b. 取締役会」.
    """
    text = unicodedata.normalize("NFKC", reply).lower()
    found = set(re.findall(rf"(?<![a-z])([{LETTERS[:count]}])(?![a-z])", text))
    return LETTERS.index(found.pop()) if len(found) == 1 else None


def _ask(
    client: openai.OpenAI, model: str, item: ChoiceItem, rotation: int, with_text: bool, key: str
) -> Choice:
    import openai

    messages: list[Any] = choice_messages(item, rotation, with_text)
    try:
        reply = patiently(
            lambda: client.chat.completions.create(
                model=model, messages=messages, temperature=0, max_tokens=MAX_TOKENS, seed=SEED
            )
        )
        text = reply.choices[0].message.content or ""
    except (openai.APIError, IndexError, TypeError) as error:
        if isinstance(error, openai.APIError) and ends_the_run(error):
            raise
        return Choice(item.id, rotation, key, None, False, f"{type(error).__name__}"[:300])
    letter = read_letter(text, len(item.options))
    right = letter is not None and (letter + rotation) % len(item.options) == item.answer
    return Choice(item.id, rotation, key, letter, right)


def _summarize(
    model: str, with_text: bool, items: Sequence[ChoiceItem], choices: Sequence[Choice]
) -> ChoiceSummary:
    by_item: dict[str, list[Choice]] = {item.id: [] for item in items}
    for choice in choices:
        by_item[choice.item].append(choice)
    shares = [sum(c.right for c in found) / len(found) for found in by_item.values()]
    given = sum(choice.right for choice in choices if choice.rotation == 0)
    letters = Counter(LETTERS[c.letter] for c in choices if c.letter is not None)
    gold = Counter(LETTERS[item.answer] for item in items)
    return ChoiceSummary(
        model=model,
        with_text=with_text,
        n=len(items),
        accuracy=sum(shares) / len(shares),
        interval=t_interval(shares),
        given_order=given,
        given_interval=wilson(given, len(items)),
        always_right=sum(share == 1 for share in shares),
        letters=dict(sorted(letters.items())),
        unread=sum(c.letter is None and c.error is None for c in choices),
        failed=sum(c.error is not None for c in choices),
        majority=max(gold.items(), key=lambda pair: (pair[1], pair[0])),
        chance=sum(1 / len(item.options) for item in items) / len(items),
    )


def _read(log: Path) -> list[Choice]:
    return [Choice(**record) for record in JsonLines(log).read()]


def _key(model: str, messages: object) -> str:
    content = json.dumps([model, messages, SEED], ensure_ascii=False)
    return sha256(content.encode("utf-8", "backslashreplace")).hexdigest()[:16]
