"""Examples that say the same, nearly the same, or the opposite: D001–D004, Q001."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from homutune.data._checks._law import FIGURE
from homutune.data._checks._report import Fault
from homutune.data._checks._signatures import Keys, Signatures, comparable
from homutune.data._types import Example
from homutune.law import normalize

#: Questions whose shingles overlap this much (Jaccard) are nearly the same. The two most similar
#: questions of the bundled corpus reach 0.22.
NEAR = 0.55
#: Near questions are compared for contradictions up to this size of a group.
_COMPARED = 200

#: What makes two near questions two questions: numbers, parties, 以上 or 未満, a negation.
_DECISIVE = re.compile(
    r"[0-9]+|[甲乙丙丁]|以上|以下|以内|未満|超え|満たない|前|後|ない|ませ?ん|ずに|不[一-龥]|無[一-龥]|非[一-龥]"
    r"|又は|または|及び|および|かつ|売主|買主|貸主|借主|委託者|受託者|親|子|個人|法人|国内|海外|外国|口頭|電子"
    r"|有償|無償|有期|無期|推定|みなす|新|旧"
)
_CONCLUSION = re.compile(r"結論\s*[：:]\s*([^\n]*)")
_YES_NO = re.compile(r"\A(はい|いいえ)[。、]?")
_NEGATIVE = re.compile(
    r"(?:ません|ない|できず|ず|不要|無効|無用|不可能?|禁止|対象外)(?:です|でした|と(?:なり|され)ます|になります|されています)?[。」）]?\Z"
)


class Duplicates:
    """All of it for a stream of examples; some 400 bytes for each."""

    def __init__(self) -> None:
        self._ids, self._questions, self._answers = Keys(), Keys(), Keys()
        self._near = Signatures()
        self._asked, self._figures = Keys(), Keys()
        self._stances = array("b")

    def add(self, example: Example) -> None:
        """Take the next example in."""
        question, answer = normalize(example.question), example.answer
        self._ids.add(_key(example.meta.id))
        self._questions.add(_key(question))
        self._answers.add(_key(normalize(answer)))
        self._near.add(comparable(question))
        self._asked.add(_key("|".join(sorted(_DECISIVE.findall(question))) or "-"))
        stance, figures = _stance(answer)
        self._stances.append(stance)
        self._figures.add(_key("|".join(figures)))

    def finish(self) -> Iterator[tuple[Sequence[int], Fault]]:
        """Numbers of the examples (from 1) of each fault."""
        for group in self._ids.groups():
            numbers = _numbers(group)
            message = f"同じ id が{len(numbers)}件で重なっています。"
            yield numbers, Fault("D003", message, "id を付け直してください。")
        for group in self._questions.groups():
            yield from self._same_question(_numbers(group))
        for group in self._near.groups(NEAR):
            numbers = _numbers(group)
            if len({self._questions[number - 1] for number in numbers}) > 1:
                message = f"ほとんど同じ質問が{len(numbers)}件あります。"
                remedy = "状況や論点の違う質問に書き換えるか、1件だけ残してください。"
                yield numbers, Fault("D004", message, remedy)
            yield from self._contradictions(numbers)

    def _same_question(self, numbers: Sequence[int]) -> Iterator[tuple[Sequence[int], Fault]]:
        by_answer: dict[int, list[int]] = defaultdict(list)
        for number in numbers:
            by_answer[self._answers[number - 1]].append(number)
        for same in by_answer.values():
            if len(same) > 1:
                message = f"質問と回答が同じものが{len(same)}件あります。"
                yield same, Fault("D001", message, "1件だけ残してください（--fix で直せます）。")
        if len(by_answer) > 1:
            message = "同じ質問に違う回答があります。"
            remedy = "正しい回答を1つ選ぶか、質問を書き分けてください。"
            yield numbers, Fault("D002", message, remedy)

    def _contradictions(self, numbers: Sequence[int]) -> Iterator[tuple[Sequence[int], Fault]]:
        by_question: dict[int, list[int]] = defaultdict(list)
        for number in numbers[:_COMPARED]:
            by_question[self._asked[number - 1]].append(number)
        for same in by_question.values():
            for place, one in enumerate(same):
                opposed = [other for other in same[place + 1 :] if self._opposed(one, other)]
                if opposed:
                    message = "近い質問に、反対の結論か違う数字で答えています。"
                    remedy = "見比べて正しい方にそろえるか、質問の条件の違いを書いてください。"
                    yield (one, *opposed), Fault("Q001", message, remedy)

    def _opposed(self, one: int, other: int) -> bool:
        if self._questions[one - 1] == self._questions[other - 1]:
            return False  # told as D002
        first, second = self._stances[one - 1], self._stances[other - 1]
        figures = self._figures[one - 1], self._figures[other - 1]
        return first * second < 0 or (all(figures) and figures[0] != figures[1])


def _stance(answer: str) -> tuple[int, list[str]]:
    """Which way an answer decides (1 yes, -1 no), and the figures it states, sorted.

    What stands under 結論 counts, or the whole answer where there is no such line.
    """
    match = _CONCLUSION.search(answer)
    conclusion = (match[1] if match else answer).strip()
    figures = sorted(set(FIGURE.findall(normalize(conclusion))))
    if not conclusion:
        return 0, figures
    first = conclusion.split("。")[0]
    if said := _YES_NO.match(conclusion):
        rest = conclusion[said.end() :].split("。")[0]
        # いいえ、できます and はい、できません: the sentence decides, where there is one.
        first = rest if rest.strip() else ("できません" if said[1] == "いいえ" else "できます")
    return (-1 if _NEGATIVE.search(first) else 1), figures


def _key(text: str) -> int:
    """64 bits; 0 for nothing. Of 40 million sets of a million texts, one has a false pair."""
    if not text:
        return 0
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def _numbers(indices: Iterable[int]) -> list[int]:
    return sorted(int(index) + 1 for index in indices)
