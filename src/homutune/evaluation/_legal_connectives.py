"""又は and 及び: whether one of two things is enough or both are needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from homutune.evaluation._legal_text import LegalText

_WORD = re.compile(r"[一-龥々ァ-ヺー0-9]{2,}|[一-龥]")
#: Between two things.
_BETWEEN = {
    "or": re.compile(
        r"または|又は|もしくは|若しくは|あるいは|ないしは"
        r"|(?<=[一-龥ァ-ヺーるたい])(?<!明ら)(?<!確)か、?(?=[一-龥ァ-ヺ0-9])(?!否|月|所|国|年)"
    ),
    "and": re.compile(
        r"および|及び|ならびに|並びに|かつ|且つ|に加えて|加えて|[だる]?うえ(?:に|で)?、|さらに|しかも|だけでなく"
    ),
}
#: Behind the things: 「AとBのいずれか」「AとBの両方」.
_OVER = {
    "or": re.compile(
        r"(?:の|を|が|に)?(?:いずれか(?!も)|どちらか|どれか|一方(?:だけ|のみ|で足り|があれば)|片方)"
    ),
    "and": re.compile(
        r"(?:の|を|が|に|は)?(?:両方|双方|いずれも|どちらも|すべて|全て|全部|ともに満た|そろ[いうえっわ]|揃[いうえっわ])"
    ),
}


@dataclass(frozen=True, slots=True)
class Joint:
    """``or``/``and`` with the words it joins; ``words`` holds all of them behind a list."""

    kind: str
    left: frozenset[str]
    right: frozenset[str]
    start: int
    end: int


def changed_connectives(
    reference: LegalText, answer: LegalText
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Joints of the reference whose things the answer joins the other way only."""
    # Each phrase once: a text that repeats itself would take quadratic time.
    theirs = _distinct(_joints(answer))
    for joint in _distinct(_joints(reference)):
        same = [other for other in theirs if _joins_the_same(joint, other)]
        if same and all(other.kind != joint.kind for other in same):
            yield (joint.start, joint.end), (same[0].start, same[0].end)


def _distinct(joints: Iterator[Joint]) -> list[Joint]:
    """The first of those that join the same words the same way."""
    first: dict[tuple[str, frozenset[str], frozenset[str]], Joint] = {}
    for joint in joints:
        first.setdefault((joint.kind, joint.left, joint.right), joint)
    return list(first.values())


def _joins_the_same(a: Joint, b: Joint) -> bool:
    return _meets(a.left, b.left) and _meets(a.right, b.right)


def _meets(a: frozenset[str], b: frozenset[str]) -> bool:
    return any(x in y or y in x for x in a for y in b)


def _joints(text: LegalText) -> Iterator[Joint]:
    for begin, end in text.sentences():
        sentence = text.body[begin:end]
        for kind, pattern in _BETWEEN.items():
            for match in pattern.finditer(sentence):
                left = _WORD.findall(sentence[max(0, match.start() - 14) : match.start()])[-2:]
                right = _WORD.findall(sentence[match.end() : match.end() + 14])[:2]
                yield Joint(
                    kind,
                    frozenset(left),
                    frozenset(right),
                    begin + match.start(),
                    begin + match.end(),
                )
        for kind, pattern in _OVER.items():
            for match in pattern.finditer(sentence):
                words = frozenset(
                    _WORD.findall(sentence[max(0, match.start() - 45) : match.start()])
                )
                yield Joint(kind, words, words, begin + match.start(), begin + match.end())
