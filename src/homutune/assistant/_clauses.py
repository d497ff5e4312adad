"""Clauses of a contract: 前文, 第1条 … 第n条の2, 項, 号, 附則, 別紙, 署名欄."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from homutune.assistant._document import Block, Document
from homutune.law import kanji_to_int

_NUM = "[0-9０-９〇一二三四五六七八九十百]+"
_WIDE = str.maketrans("０１２３４５６７８９", "0123456789")
_TITLE = r"[（(【〔\[「](?P<title>[^）)】〕\]」]{1,40})[）)】〕\]」]"
#: 第3条の2（定義）; what stands behind decides between a heading and a sentence citing a clause.
_ARTICLE = re.compile(
    rf"[\s　#*・]*第\s*(?P<number>{_NUM})\s*条(?P<branch>(?:\s*の\s*{_NUM})*)(?P<rest>.*)",
    re.DOTALL,
)
_CITED = re.compile(
    r"(?:[にをはがとのもや、,・で]|及び|および|又は|または|並びに|若しくは|もしくは|から|ないし|乃至|第|各|所定"
    r"|規定|記載|但|ただし|本文|前段|後段|柱書|に定|\d|[0-9０-９])"
)
_CHAPTER = re.compile(rf"[\s　]*第\s*{_NUM}\s*(?:章|節|編|款)(?!の|に|を|は|で|及|と)")
_CAPTION = re.compile(rf"[\s　]*{_TITLE}[\s　]*")
_SUPPLEMENT = re.compile(r"[\s　【\[]*附[\s　]*則[\s　】\]]*")
_ANNEX = re.compile(
    rf"(?!.*(?:。|定め|とおり))[\s　（(【\[＜<]*(?:別紙|別表|別添|付属書|附属書|別記)"
    rf"[\s　]*(?:{_NUM}|[A-ZＡ-Ｚ])?(?:[\s　（()）【】\]＞>:：].{{0,40}})?"
)
_SIGNATURE = re.compile(
    r"[\s　]*(?:(?:以上[、,]?)?(?:本(?:契約|覚書|合意|規約|書)|上記|この契約)[^。]{0,40}"
    r"(?:証|成立|締結)[^。]{0,60}(?:通|作成|電磁的記録|電子署名|保有|保管)"
    r"|(?:甲|乙|委託者|受託者|買主|売主)[\s　]*[：:（(]?[\s　]*(?:住所|所在地|〒)"
    r"|(?:甲|乙)[\s　:：]*$|(?:令和|平成|20[0-9X]{2}|２０)[^。]{0,16}日[\s　]*$)"
)
_PARAGRAPH = re.compile(
    r"[\s　]*(?P<number>[0-9０-９]{1,2}|[①-⑳])(?:[\s　.．、,）)]+|(?=[ぁ-ヺ一-龥]))"
    r"(?![0-9０-９年月日か])"
)
_ITEM = re.compile(
    rf"[\s　]*(?:[（(](?P<number>{_NUM}|[ア-ンイロハa-zａ-ｚ])[）)]"
    r"|(?P<kanji>[一二三四五六七八九十]{1,3})[\s　、.．]+"
    r"|(?P<letter>[ア-ンａ-ｚa-z])[\s　.．、)）]+)"
)
_NUMBERED_HEADING = re.compile(
    r"[\s　]*(?:第\s*)?(?P<number>[0-9０-９]{1,2})[\s　.．、:：]+(?P<title>[^。、]{1,30})[\s　]*"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A 項 or 号 of a clause; ``number`` counts as written, or 1 for a first 項 without one."""

    kind: str
    number: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause; ``document.text[start:end]`` is all of it, heading included.

    ``kind`` is 表題, 前文, 条, 見出し (a heading without number), 附則, 別紙 or 署名欄.
    ``number`` is ``"3_2"`` for 第3条の2 and "" where there is none; articles of the
    附則 carry ``"附則1"``.
    """

    kind: str
    number: str
    title: str
    start: int
    end: int
    parts: tuple[Part, ...] = ()

    @property
    def label(self) -> str:
        """第3条の2（定義）, 前文, 別紙…"""
        if self.kind != "条":
            return f"「{self.title}」" if self.kind == "見出し" else self.title or self.kind
        supplement = "附則" if self.number.startswith("附則") else ""
        main, *branches = self.number.removeprefix("附則").split("_")
        label = f"{supplement}第{main}条" + "".join(f"の{b}" for b in branches)
        return label + (f"（{self.title}）" if self.title else "")

    def place(self, offset: int) -> str:
        """第5条第2項第1号: where in the clause ``offset`` lies."""
        label = self.label.split("（")[0]
        paragraphs = [p for p in self.parts if p.kind == "項"]
        inside = [p for p in self.parts if p.start <= offset < p.end]
        for part in inside:
            if part.kind == "項" and len(paragraphs) > 1:
                label += f"第{part.number}項"
            elif part.kind == "号":
                label += f"第{part.number}号" if part.number.isdigit() else part.number
        return label


def segment(document: Document) -> tuple[Clause, ...]:
    """The clauses of ``document``, in order, covering its body without gaps."""
    lines = _lines(document)
    heads = _heads(lines, _article_head)
    if not any(head.kind == "条" for _, head in heads):
        by_heading = _heads(lines, _plain_head)
        if sum(h.kind in ("条", "見出し") for _, h in by_heading) >= 3:
            heads = by_heading
        else:
            numbered = _heads(lines, _numbered_head)
            heads = numbered if sum(h.kind == "条" for _, h in numbered) >= 3 else by_heading
    end = lines[-1].end + 1 if lines else 0
    clauses = []
    if not heads or heads[0][0] > 0:
        clauses += _opening(lines[: heads[0][0] if heads else len(lines)])
    ends = [first for first, _ in heads[1:]] + [len(lines)]
    for (first, clause), following in zip(heads, ends, strict=False):
        last = lines[following].start if following < len(lines) else end
        parts = _parts(lines[first:following]) if clause.kind in ("条", "見出し") else ()
        clauses.append(replace(clause, end=min(last, len(document.text)), parts=parts))
    return tuple(clauses)


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    text: str
    kind: str
    depth: int


_Finder = Callable[[list[_Line], int, int], Clause | None]


def _lines(document: Document) -> list[_Line]:
    """The lines of the body; a soft line break begins a line, for a heading may follow it."""
    lines = []
    for block in document.blocks:
        if block.kind in ("脚注", "ヘッダー", "フッター"):
            continue
        text = document.text[block.start : block.end]
        for match in re.finditer(r"[^\n]+", text):
            start = block.start + match.start()
            if match[0].strip():
                lines.append(_Line(start, block.start + match.end(), match[0], *_look(block)))
    return lines


def _look(block: Block) -> tuple[str, int]:
    return block.kind, block.depth


def _heads(lines: list[_Line], article: _Finder) -> list[tuple[int, Clause]]:
    """(index of the first line, clause without its end) for every heading."""
    found: list[tuple[int, Clause]] = []
    supplement, previous, closing = False, 0, False
    for index, line in enumerate(lines):
        if _SUPPLEMENT.fullmatch(line.text):
            supplement, previous = True, 0
            found.append((index, Clause("附則", "", "附則", line.start, line.end)))
        elif _closes(line) and found and not _continues(lines, index, article, previous):
            closing = True
            annex = _ANNEX.fullmatch(line.text)
            kind, title = ("別紙", line.text.strip()) if annex else ("署名欄", "")
            if annex or found[-1][1].kind not in ("署名欄", "別紙"):
                found.append((index, Clause(kind, "", title, line.start, line.end)))
        elif _CHAPTER.match(line.text) and len(line.text) < 40:
            continue
        elif not closing and (head := article(lines, index, previous)):
            main = re.match(r"\d+", head.number)
            previous = int(main[0]) if main else previous
            if supplement and head.number:
                head = replace(head, number=f"附則{head.number}")
            first = index
            if index and not head.title and (above := _CAPTION.fullmatch(lines[index - 1].text)):
                first, head = index - 1, replace(head, title=above["title"])
                head = replace(head, start=lines[first].start)
            found.append((first, head))
    return found


def _closes(line: _Line) -> bool:
    """Whether the line looks like the beginning of the signatures or of an annex."""
    return bool(_ANNEX.fullmatch(line.text) or _SIGNATURE.match(line.text))


def _continues(lines: list[_Line], index: int, article: _Finder, previous: int) -> bool:
    """Whether the articles go on behind ``index``: then nothing has been closed there."""
    for later in range(index + 1, len(lines)):
        head = article(lines, later, previous)
        if head and (not head.number or int(head.number.split("_")[0]) > previous):
            return True
    return False


def _article_head(lines: list[_Line], index: int, previous: int) -> Clause | None:
    line = lines[index]
    match = _ARTICLE.match(line.text)
    if match is None:
        return None
    main = _number(match["number"])
    branches = [_number(part) for part in re.findall(_NUM, match["branch"])]
    number = "_".join(map(str, [main, *branches]))
    rest = match["rest"]
    title = re.match(rf"[\s　]*{_TITLE}", rest)
    if title:
        behind = rest[title.end() :]
        if re.match(r"(?:[にをはがとで]|の(?!規定)|の規定|及び|又は)", behind) or behind.startswith(
            "、"
        ):
            return None
        return Clause("条", number, title["title"].strip(), line.start, line.end)
    spaced = re.match(r"[\s　:：.．]+", rest)
    if not rest.strip():
        return Clause("条", number, "", line.start, line.end)
    if spaced:
        # 第1条　目的 alone on its line is a title; 第1条　甲は… is the first sentence.
        words = rest.strip(" 　:：.．")
        short = len(words) <= 30 and not re.search(r"[。、]|する|とは", words)
        return Clause("条", number, words if short else "", line.start, line.end)
    if _CITED.match(rest) or main not in (previous, previous + 1):
        return None
    return Clause("条", number, "", line.start, line.end)


def _plain_head(lines: list[_Line], index: int, previous: int) -> Clause | None:
    """Headings as the file marks them, where a contract has no 第n条."""
    line = lines[index]
    if line.kind != "見出し" or index == 0:
        return None
    if re.fullmatch(r"[\s　]*(?:甲|乙|丙)[\s　:：]*", line.text):
        return None
    return Clause("見出し", "", line.text.strip(), line.start, line.end)


def _numbered_head(lines: list[_Line], index: int, previous: int) -> Clause | None:
    """1. 目的, where a contract has neither 第n条 nor headings."""
    line = lines[index]
    match = _NUMBERED_HEADING.fullmatch(line.text)
    if match is None or _number(match["number"]) != previous + 1:
        return None
    return Clause("条", str(previous + 1), match["title"].strip(), line.start, line.end)


def _opening(lines: list[_Line]) -> list[Clause]:
    """The title and the preamble."""
    if not lines:
        return []
    title, rest = lines[0], lines[1:]
    if len(title.text) > 40 or "。" in title.text:
        return [Clause("前文", "", "", title.start, lines[-1].end + 1)]
    after = rest[0].start if rest else title.end + 1
    opening = [Clause("表題", "", title.text.strip(), title.start, after)]
    if rest:
        opening.append(Clause("前文", "", "", rest[0].start, rest[-1].end + 1))
    return opening


def _parts(lines: Sequence[_Line]) -> tuple[Part, ...]:
    """項 and 号; a line without a number belongs to what is open."""
    starts: list[tuple[str, str, int]] = []
    paragraph = 0
    body = [line for line in lines if not _CAPTION.fullmatch(line.text)]
    for position, line in enumerate(body):
        text, offset = line.text, line.start
        if position == 0:
            head = _ARTICLE.match(text)
            if head is None:
                continue
            title = re.match(rf"[\s　]*{_TITLE}", head["rest"])
            text = head["rest"][title.end() :] if title else head["rest"]
            offset = line.end - len(text)
            if not text.strip():
                continue
        top = line.depth < 2
        number = _PARAGRAPH.match(text) if top else None
        value = _mark(number["number"]) if number else 0
        if number and value == paragraph + 1:
            paragraph = value
            starts.append(("項", str(paragraph), offset))
        elif number and value == 2 and paragraph == 0:
            paragraph = 2
            starts.append(("項", "2", offset))
        elif item := _ITEM.match(text):
            mark = item["number"] or item["kanji"] or item["letter"]
            starts.append(("号", _item_number(mark), offset))
        elif not top and (inner := _PARAGRAPH.match(text)):
            starts.append(("号", str(_mark(inner["number"])), offset))
        elif not paragraph and text.strip():
            paragraph = 1
            starts.append(("項", "1", offset))
    if not starts:
        return ()
    end = lines[-1].end
    parts = []
    for index, (kind, number_text, start) in enumerate(starts):
        later = [s for k, _, s in starts[index + 1 :] if kind == "号" or k == "項"]
        parts.append(Part(kind, number_text, start, later[0] if later else end))
    return tuple(parts)


def _number(text: str) -> int:
    return kanji_to_int(text.translate(_WIDE))


def _mark(text: str) -> int:
    return ord(text) - ord("①") + 1 if "①" <= text <= "⑳" else _number(text)


def _item_number(mark: str) -> str:
    return str(_number(mark)) if re.fullmatch(_NUM, mark) else mark
