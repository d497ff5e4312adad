"""Legal Q&A: notes found, the answer worded by the model, every sentence held against the notes.

What a rule can decide, a rule decides: no note that has a word of the question, an abstaining
model, or an answer of which no note bears a sentence, and the answer is that nothing can be
confirmed. The notes are the team's own cards, the bundled ones, and the statute texts fetched
with ``homutune law update`` for articles that the question or the answer names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from homutune.assistant._support import Sentence, check_support, pieces
from homutune.assistant._vetted import VettedAnswer, nearest_vetted
from homutune.client import CitedArticle, LegalModel, Reply, Turn
from homutune.data import (
    Card,
    Message,
    grounded_messages,
    is_abstention,
    plain_messages,
    references,
)
from homutune.law import LawStore, extract_citations, law_names
from homutune.prompting import CardSearch, PromptPlan

#: The whole answer where nothing supports one.
NO_ANSWER = "確認できません。専門家に確認してください。"
#: Said under every answer.
QA_DISCLAIMER = "法的助言・鑑定ではありません。内容は担当者が条文で確認してください"
#: Characters of an article given to the model.
_ARTICLE = 600
#: Words that take up what was asked before.
_FOLLOWS = re.compile(r"(?:それ|その|これ|この(?:場合|とき|期間|通知)|そう|では|上記|先ほど|同じ)")

Outcome = Literal["回答", "資料なし", "モデルが保留", "支えなし", "資料を使わない回答"]


@dataclass(frozen=True, slots=True)
class SourceNote:
    """A note shown beside an answer.

    Attributes:
        number: as in [1], [2], …, in the order in which the model saw them.
        kind: 自社カード, 解説カード or 条文.
        id: of the card, or the law's id.
        cited: the answer names its number, or the rule found that it bears a sentence.
        given: the model saw it; an article named only in the answer was looked up afterwards.
    """

    number: int
    kind: Literal["自社カード", "解説カード", "条文"]
    id: str
    title: str
    text: str
    articles: tuple[str, ...]
    as_of: str | None
    cited: bool
    given: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with everything a reader needs to check it.

    Attributes:
        text: what to show: the model's answer, or :data:`NO_ANSWER`.
        outcome: 回答, or why there is none.
        sentences: of the model's answer, each with the notes that bear it.
        citations: the articles named, with verdicts.
        raw: the model's own words, also where they are not shown.
        model: who answered; "" where no model was asked.
        as_of: the oldest 基準日 of the notes shown.
        vetted: a pair that a person accepted on the same note, shown beside the answer.
    """

    question: str
    text: str
    outcome: Outcome
    sentences: tuple[Sentence, ...]
    sources: tuple[SourceNote, ...]
    citations: tuple[CitedArticle, ...]
    raw: str
    model: str
    plan: str
    as_of: str | None
    notes: tuple[str, ...]
    unknown_references: tuple[int, ...] = ()
    answered_at: str = ""
    vetted: VettedAnswer | None = None

    @property
    def answered(self) -> bool:
        """Whether ``text`` is the model's answer."""
        return self.outcome in ("回答", "資料を使わない回答")

    @property
    def unsupported(self) -> tuple[Sentence, ...]:
        """The sentences no note bears."""
        return tuple(s for s in self.sentences if not s.borne)

    @property
    def disclaimer(self) -> str:
        """What must stand under it."""
        basis = f"データ基準日 {self.as_of}" if self.as_of else "資料なしの回答"
        return f"{QA_DISCLAIMER}（{basis}）"

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        values = asdict(self)
        values["sentences"] = [{**asdict(s), "supported": s.borne} for s in self.sentences]
        return {**values, "disclaimer": self.disclaimer}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Answer:
        """What :meth:`as_dict` made."""
        # Answers kept before there were vetted ones have no such key.
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        known["sentences"] = tuple(
            Sentence(s["heading"], s["text"], tuple(s["sources"])) for s in values["sentences"]
        )
        known["sources"] = tuple(
            SourceNote(**{**s, "articles": tuple(s["articles"])}) for s in values["sources"]
        )
        known["citations"] = tuple(CitedArticle(**c) for c in values["citations"])
        known["notes"] = tuple(values["notes"])
        known["unknown_references"] = tuple(values["unknown_references"])
        if vetted := values.get("vetted"):
            known["vetted"] = VettedAnswer(**{**vetted, "cards": tuple(vetted["cards"])})
        return cls(**known)


class Cards(CardSearch, Protocol):
    """What is searched; ``homutune.data.CardLibrary`` is one."""

    def is_own(self, card_id: str) -> bool:
        """Whether it is one of the team's own."""
        ...


class History(Protocol):
    """What was asked before; ``homutune.client.Conversation`` is one."""

    turns: list[Turn]

    def add(self, question: str, reply: Reply, **details: Any) -> None:
        """Keep a question and its answer."""
        ...


@dataclass(slots=True)
class _Asked:
    question: str
    messages: tuple[Message, ...]
    sources: list[SourceNote]


class LegalQA:
    """Answers legal questions from notes.

    Args:
        model: who words the answers.
        plan: ``grounded`` shows the model notes; ``plain`` does not, and nothing is then borne.
        cards: where notes are found; needed by a grounded plan.
        store: statute texts of this home.
        vetted: pairs that people accepted, never those of an evaluation; the one on the note
            found first stands beside the answer. No model sees them.

    Raises:
        ValueError: a grounded plan without cards.
    """

    def __init__(
        self,
        model: LegalModel,
        plan: PromptPlan,
        cards: Cards | None = None,
        store: LawStore | None = None,
        vetted: Sequence[VettedAnswer] = (),
    ) -> None:
        if plan.form == "grounded" and cards is None:
            raise ValueError("a grounded plan needs cards")
        self._model = model
        self._plan = plan
        self._cards = cards
        self._store = store
        self._vetted = vetted
        self._options = replace(
            model.options, temperature=plan.temperature, max_tokens=plan.max_tokens
        )

    def ask(
        self,
        question: str,
        conversation: History | None = None,
        on_piece: Callable[[str], None] = lambda piece: None,
    ) -> Answer:
        """Answer ``question``; in a conversation, with what was asked before, and keep it there.

        Args:
            on_piece: hears the model's words as they come, before anything is checked.

        Raises:
            ModelError: the model could not answer.
        """
        full = _in_context(question, conversation)
        asked = self._prepare(question, full)
        if asked is None:
            answer = self._with_vetted(self._nothing_found(question), full)
            self._keep(conversation, answer, Reply(NO_ANSWER, "", self._model.name))
            return answer
        with self._model.stream(asked.messages, options=self._options) as stream:
            for piece in stream:
                on_piece(piece)
        answer = self._with_vetted(self._checked(asked, stream.reply), full)
        self._keep(conversation, answer, replace(stream.reply, text=answer.text))
        return answer

    def _keep(self, conversation: History | None, answer: Answer, reply: Reply) -> None:
        if conversation is not None:
            conversation.add(answer.question, reply, qa=answer.as_dict())

    def _with_vetted(self, answer: Answer, full: str) -> Answer:
        if self._cards is None or not self._vetted:
            return answer
        best = [card.id for card in self._cards.search(full, k=1, only_relevant=True)]
        return replace(answer, vetted=nearest_vetted(full, best[0], self._vetted) if best else None)

    def _prepare(self, question: str, full: str) -> _Asked | None:
        """Messages and notes for ``question``, ``full`` with what it follows.

        None where no note has a word of it.
        """
        if self._plan.form == "plain" or self._cards is None:
            return _Asked(question, plain_messages(full), [])
        statutes = self._statutes(full)[: self._plan.k - 1]
        found = self._cards.search(full, k=self._plan.k - len(statutes))
        words = pieces(full)
        if not statutes and not any(words & pieces(c.title + c.text) for c in found):
            return None
        cards = [*statutes, *found]
        notes = [
            _note(number, card, self._kind(card), cited=False)
            for number, card in enumerate(cards, 1)
        ]
        return _Asked(question, grounded_messages(full, cards), notes)

    def _kind(self, card: Card) -> Literal["自社カード", "解説カード", "条文"]:
        if card.field == _STATUTE:
            return "条文"
        own = self._cards is not None and self._cards.is_own(card.id)
        return "自社カード" if own else "解説カード"

    def _statutes(self, text: str) -> list[Card]:
        """The articles that ``text`` names, as notes, where this home has their text."""
        cards: dict[tuple[str, str], Card] = {}
        for citation in extract_citations(text):
            if self._store is None or citation.key in cards:
                continue
            for law in law_names().laws(citation.law):
                stored = self._store.get(law.law_id)
                article = stored.articles.get(citation.article) if stored else None
                if stored is None or article is None or article.deleted:
                    continue
                label = replace(citation, paragraph=None, item=None, suffix=None).label
                caption = f"（{article.caption}）" if article.caption else ""
                words = "".join(
                    "".join((paragraph.text, *paragraph.items.values()))
                    for paragraph in article.paragraphs
                )[:_ARTICLE]
                cards[citation.key] = Card(
                    id=f"{law.law_id}:{citation.article}",
                    title=f"{label}{caption}",
                    field=_STATUTE,
                    text=words,
                    articles=(label,),
                    as_of=stored.as_of or None,
                )
                break
        return list(cards.values())

    def _checked(self, asked: _Asked, reply: Reply) -> Answer:
        """The reply held against the notes."""
        raw = reply.text.strip()
        shown = list(asked.sources)
        known = {source.id for source in shown}
        later = [card for card in self._statutes(raw) if card.id not in known]
        shown += [
            _note(number, card, "条文", cited=True, given=False)
            for number, card in enumerate(later, len(shown) + 1)
        ]
        sentences = tuple(
            check_support(raw, [f"{s.title}。{s.text}" for s in shown], asked.question)
        )
        named = references(raw)
        given = len(asked.sources)
        bearing = {number for sentence in sentences for number in sentence.sources}
        cited = set(named) or bearing
        outcome = self._outcome(raw, sentences)
        return Answer(
            question=asked.question,
            text=raw if outcome in ("回答", "資料を使わない回答") else NO_ANSWER,
            outcome=outcome,
            sentences=() if is_abstention(raw) else sentences,
            sources=tuple(replace(s, cited=s.cited or s.number in cited) for s in shown),
            citations=reply.citations,
            raw=raw,
            model=reply.model,
            plan=self._plan.name,
            as_of=min((s.as_of for s in shown if s.as_of), default=None),
            notes=reply.notes,
            unknown_references=tuple(n for n in named if not 1 <= n <= given),
            answered_at=_now(),
        )

    def _outcome(self, raw: str, sentences: Sequence[Sentence]) -> Outcome:
        if is_abstention(raw):
            return "モデルが保留"
        if self._plan.form == "plain":
            return "資料を使わない回答"
        # 留意点 that nobody can object to make no answer.
        core = [s for s in sentences if s.heading != "留意点"] or sentences
        return "回答" if any(s.sources for s in core) else "支えなし"

    def _nothing_found(self, question: str) -> Answer:
        return Answer(
            question=question,
            text=NO_ANSWER,
            outcome="資料なし",
            sentences=(),
            sources=(),
            citations=(),
            raw="",
            model="",
            plan=self._plan.name,
            as_of=None,
            notes=("質問の語を含む資料がないため、モデルには尋ねていません。",),
            answered_at=_now(),
        )


def _in_context(question: str, conversation: History | None) -> str:
    """The question, with the one before where it takes that up."""
    before = conversation.turns[-1].question if conversation and conversation.turns else ""
    if before and (_FOLLOWS.search(question) or len(pieces(question)) < 4):
        return f"（前の質問：{before}）{question}"
    return question


_STATUTE = "条文"


def _note(
    number: int,
    card: Card,
    kind: Literal["自社カード", "解説カード", "条文"],
    *,
    cited: bool,
    given: bool = True,
) -> SourceNote:
    return SourceNote(
        number, kind, card.id, card.title, card.text, card.articles, card.as_of, cited, given
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
