"""How training lines are made from examples, in the very form used when answering.

``plain``: question → answer. ``grounded``: question and numbered notes → number and title of
the note that answers, then the answer; or the abstention. A small model learns from pairs how to
write but no law; trained on grounded lines it learns to read the notes it is given.

The order serves a small causal model, in which a token sees only what stands before it. The
question comes before the notes, so that each note is read with the question in mind; number and
title stand behind a note's text, where all of it has been read; and the answer names its source
first, so that the choice is made, and learned, before a word of the answer is written.

Only the conclusion is in the model's own words; basis and caution are quoted from the note. A
quotation can be verified letter by letter, and it teaches better: the wording of free text cannot
be predicted, and its noise drowns the two tokens that choose the note (bench/RESULTS.md).
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from homutune.data._retriever import Retriever
from homutune.data._types import Card, Example, Message, TrainingLine
from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.law import extract_citations, normalize

Recipe = Literal["plain", "grounded"]

#: System text of the plain form; that of the bundled corpus.
SYSTEM_PROMPT = (
    "あなたは企業法務の担当者を支援するアシスタントです。"
    "質問に、結論・根拠・留意点の順で、です・ます調で簡潔に答えてください。"
)
#: The whole answer where the notes do not answer the question.
ABSTENTION = "提示された参考資料からは確認できません。専門家に確認してください。"
#: What stands in place of the notes where retrieval finds none that is relevant.
NO_NOTES = "（該当する資料は見つかりませんでした）"
#: System text of the grounded form. Short, because every token of it is read on a CPU each time.
GROUNDED_SYSTEM_PROMPT = (
    "参考資料だけを根拠に答えてください。1行目に「参照：」と使った資料の番号[n]と題名を書き、"
    "「結論：」「根拠：」「留意点：」の3行を続けます。根拠と留意点は資料から引用します。"
    f"答えが参考資料にないときは「{ABSTENTION}」とだけ答えてください。"
)

_HEADINGS = ("結論：", "根拠：", "留意点：")
_SOURCE_LINE = re.compile(r"\A\s*参照[:：][^\n]*(?:\n|\Z)")
_REFERENCE = re.compile(r"\[([0-9]+(?:[,、][0-9]+)*)\]")


def plain_messages(question: str) -> tuple[Message, ...]:
    """System and user message of the plain form."""
    return (
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": question},
    )


def grounded_messages(question: str, cards: Sequence[Card]) -> tuple[Message, ...]:
    """System message and user message with ``cards`` as notes [1], [2], … in the order given.

    The one form used in training and in answering.
    """
    notes = "\n".join(f"{card.text}――[{n}] {card.title}" for n, card in enumerate(cards, 1))
    return (
        {"role": "system", "content": GROUNDED_SYSTEM_PROMPT},
        {"role": "user", "content": f"質問：{question}\n\n参考資料\n{notes or NO_NOTES}"},
    )


def references(answer: str) -> tuple[int, ...]:
    """Reference numbers in ``answer`` ([2], ［2］, [1][3], [1,3]), each once, in order."""
    text = unicodedata.normalize("NFKC", answer)
    numbers = (int(n) for match in _REFERENCE.findall(text) for n in re.split("[,、]", match))
    return tuple(dict.fromkeys(numbers))


def is_abstention(answer: str) -> bool:
    """Whether ``answer`` is the abstention, with or without its second sentence, and no more."""
    text = normalize(answer).rstrip("。")
    whole = normalize(ABSTENTION).rstrip("。")
    return text in {whole, whole.split("。")[0]}


def with_sources(answer: str, sources: Sequence[tuple[int, Card]]) -> str:
    """``answer`` under a first line 「参照：[n] 題名、[m] 題名」."""
    named = "、".join(f"[{number}] {card.title}" for number, card in sources)
    return f"参照：{named}\n{answer.strip()}"


def without_sources(answer: str) -> str:
    """``answer`` without its 「参照：」 line: what is said, not where it is from."""
    return _SOURCE_LINE.sub("", answer, count=1)


def grounded_answer(example: Example, sources: Sequence[tuple[int, Card]]) -> str:
    """The answer taught in the grounded form: the example's conclusion, and quotations.

    根拠 quotes up to two sentences of each card that cite the example's articles, 留意点 the
    card's last sentence. An answer that is not in the house style of three lines stays as it is.
    """
    lines = example.answer.strip().split("\n")
    if not (len(lines) == len(_HEADINGS) and all(map(str.startswith, lines, _HEADINGS))):
        return with_sources(example.answer, sources)
    conclusion, _, caution = lines
    basis = [_basis(example, card) for _, card in sources]
    last = _sentences(sources[0][1].text)[-1]
    if last not in basis[0]:
        caution = f"留意点：{_quote([last])}"
    quoted = "".join(map(_quote, basis))
    return with_sources(f"{conclusion}\n根拠：{quoted}\n{caution}", sources)


def _basis(example: Example, card: Card) -> list[str]:
    wanted = {c.key for article in example.meta.articles for c in extract_citations(article)}
    cited = [c for c in extract_citations(card.text) if c.key in wanted]
    found, start = [], 0
    for sentence in _sentences(card.text):
        end = start + len(sentence)
        if any(start <= citation.start < end for citation in cited):
            found.append(sentence)
        start = end
    return (found or _sentences(card.text))[:2]


def _sentences(text: str) -> list[str]:
    """Sentences with their 。; joined they are the text, except for a last one without 。."""
    return re.findall(r"[^。]*。|[^。]+$", text.strip())


def _quote(sentences: Sequence[str]) -> str:
    inner = "".join(sentences).strip().translate({ord("「"): "『", ord("」"): "』"})
    return f"「{inner}」"


def build_lines(
    examples: Iterable[Example],
    cards: Sequence[Card],
    *,
    recipe: Recipe,
    seed: int = 42,
    k: int = 3,
    withheld: float = 0.25,
    notes: list[str] | None = None,
) -> list[TrainingLine]:
    """Make the lines of a training or validation file.

    ``plain``: the example's own messages, with ``SYSTEM_PROMPT`` where it has no system text.
    ``grounded``: for each example one line with its cards among ``k`` notes, and for a share of
    ``withheld`` of the examples a second one without them, whose answer is the abstention: with
    the notes that retrieval then takes for relevant, mostly none. The other notes are its near
    misses and those of ``cards`` that look most like the question, and all stand in the order of
    retrieval, as they do when answering. The order of the examples changes nothing.

    Args:
        cards: all cards that may be shown. For training lines pass ``Dataset.train_cards``, so
            that no card of a validation question is seen in training.
        k: number of notes; an example with more cards than that is shown all of them.
        notes: receives Japanese remarks, such as how many examples without cards were left out.

    Raises:
        UserError: an example names a card that is not among ``cards``.
    """
    if recipe == "plain":
        return [_plain_line(example) for example in examples]
    examples = list(examples)
    grounded = [example for example in examples if example.meta.cards]
    if (skipped := len(examples) - len(grounded)) and notes is not None:
        notes.append(f"カードのない{skipped}件は、参考資料付きの形にできないため除きました。")
    # The exact share, chosen by a draw per example: neither order nor luck changes it.
    draws = sorted(grounded, key=lambda e: (_draw(seed, e), e.meta.id))
    withhold = {example.meta.id for example in draws[: round(withheld * len(draws))]}
    by_id = {card.id: card for card in cards}
    retriever = Retriever(cards)
    lines: list[TrainingLine] = []
    for example in grounded:
        right = _right_cards(example, by_id)
        ranking = retriever.search(example.question, len(by_id))
        others = [card for card in ranking if card not in right]
        # A card that only looks right is what the model must learn to pass over.
        others.sort(key=lambda card: card.id not in example.meta.near)
        chosen = [*right, *others[: max(0, k - len(right))]]
        lines.append(_grounded_line(example, sorted(chosen, key=ranking.index), right))
        if example.meta.id in withhold:
            shown = retriever.search(
                example.question, k, exclude=example.meta.cards, only_relevant=True
            )
            lines.append(_line(example, shown, ABSTENTION, "none", ()))
    return lines


def _plain_line(example: Example) -> TrainingLine:
    messages = example.messages
    if not example.system:
        messages = ({"role": "system", "content": SYSTEM_PROMPT}, *messages)
    return TrainingLine(messages=messages, example_id=example.meta.id, case="plain")


def _draw(seed: int, example: Example) -> float:
    return random.Random(f"{seed}:{example.meta.id}").random()


def _right_cards(example: Example, by_id: dict[str, Card]) -> list[Card]:
    if missing := [card for card in example.meta.cards if card not in by_id]:
        raise UserError(
            f"{example.meta.id}: カード {'・'.join(missing)} がありません。",
            remedy="カードのフォルダーを --cards で指定しているか確認してください。",
            file=example.source.file if example.source else None,
            line=example.source.line if example.source else None,
        )
    return [by_id[card] for card in dict.fromkeys(example.meta.cards)]


def _grounded_line(example: Example, shown: Sequence[Card], right: Sequence[Card]) -> TrainingLine:
    sources = [(n, card) for n, card in enumerate(shown, 1) if card in right]
    answer = grounded_answer(example, sources)
    case = example.meta.case or "single"
    return _line(example, shown, answer, case, tuple(number for number, _ in sources))


def _line(
    example: Example, shown: Sequence[Card], answer: str, case: str, expected: tuple[int, ...]
) -> TrainingLine:
    prompt = grounded_messages(example.question, shown)
    return TrainingLine(
        messages=(*prompt, {"role": "assistant", "content": answer}),
        example_id=example.meta.id,
        case=case,
        shown=tuple(card.id for card in shown),
        expected=expected,
    )


def write_chat_jsonl(path: Path, lines: Iterable[TrainingLine]) -> None:
    """Write a file that OpenAI and our server accept: only ``{"messages": […]}`` a line."""
    texts = (json.dumps(line.as_provider_line(), ensure_ascii=False) for line in lines)
    # Unicode's own line breaks would split a line for readers that use str.splitlines.
    escaped = (re.sub("[\x85\u2028\u2029]", lambda m: f"\\u{ord(m[0]):04x}", t) for t in texts)
    write_atomic(path, "".join(f"{text}\n" for text in escaped))
