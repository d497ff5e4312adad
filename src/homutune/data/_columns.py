"""What the headings of a table, or the keys of a record, mean: guessed, told, overridable."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from homutune.errors import UserError

#: Headings in use for each of our fields, the plainest first: where two columns could be meant,
#: the earlier one is taken.
EXAMPLE_HEADINGS: dict[str, tuple[str, ...]] = {
    "question": (
        *("question", "質問", "質問文", "質問内容", "問", "問い", "設問", "問題文", "相談内容"),
        *("相談", "照会内容", "照会", "依頼内容", "query", "q", "user", "input", "prompt"),
    ),
    "answer": (
        *("answer", "回答", "回答文", "回答内容", "模範回答", "回答例", "答え", "答", "解答"),
        *("見解", "対応内容", "response", "a", "assistant", "output", "completion"),
    ),
    "system": ("system", "システム", "システムプロンプト", "systemprompt"),
    "id": ("id", "番号", "管理番号", "質問番号", "通番", "no", "no.", "#"),
    "kind": ("kind", "種類", "質問の種類", "質問種別", "種別", "区分"),
    "field": ("field", "分野", "法分野", "カテゴリ", "カテゴリー", "分類", "category"),
    "topic": ("topic", "論点", "テーマ", "主題"),
    "group": ("group", "グループ"),
    "cards": ("cards", "カード", "解説カード"),
    "articles": ("articles", "条文", "根拠条文", "関連条文", "参照条文", "適用条文", "根拠法令"),
    "must": ("must", "必須", "必須語"),
    "must_not": ("must_not", "禁止", "禁止語"),
    "as_of": ("as_of", "基準日", "法令基準日", "データ基準日"),
    "origin": ("origin", "出典", "出所"),
    "case": ("case", "難しさ"),
    "near": ("near", "紛らわしいカード"),
    "weight": ("weight", "重み"),
    "conversation": ("conversation", "会話", "会話id", "会話番号", "スレッド"),
    "role": ("role", "役割", "話者", "発言者"),
    "content": ("content", "発言", "発言内容", "本文", "内容"),
}


@dataclass(slots=True)
class Columns:
    """The mapping from headings to our fields, for one file.

    Args:
        headings: which headings stand for which field.
        needed: sets of fields; one of them must be complete.
        chosen: the user's own mapping, heading → field ("" for: not used); it goes first.
    """

    headings: Mapping[str, Sequence[str]]
    needed: Sequence[Sequence[str]]
    chosen: Mapping[str, str] = field(default_factory=dict)
    #: Once a table's headings were found: our field → heading.
    understood: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if unknown := sorted({f for f in self.chosen.values() if f and f not in self.headings}):
            raise UserError(
                f"項目「{'、'.join(unknown)}」はありません。",
                remedy=f"使える項目: {', '.join(self.headings)}",
            )
        given = [f for f in self.chosen.values() if f]
        if twice := sorted({f for f in given if given.count(f) > 1}):
            raise UserError(
                f"項目「{'、'.join(twice)}」に複数の見出しを対応させています。",
                remedy="1つの項目には見出しを1つだけ指定してください。",
            )

    def fields(self, names: Sequence[str]) -> list[str]:
        """Our field for each heading, "" for one that is not used."""
        result = [self.chosen.get(name, "") for name in names]
        free = [name not in self.chosen for name in names]
        plain = [_plain(name) for name in names]
        for field_name, known in self.headings.items():
            if field_name in result:
                continue
            where = {name: i for i, name in reversed(list(enumerate(plain))) if free[i]}
            found = next((where[name] for name in known if name in where), None)
            if found is not None:
                result[found], free[found] = field_name, False
        return result

    def suffices(self, fields: Sequence[str]) -> bool:
        """Whether one of the needed sets of fields is complete."""
        return any(set(needed) <= set(fields) for needed in self.needed)

    def missing(self, path: Path, names: Sequence[str], line: int | None) -> UserError:
        """The error for a table without the columns needed."""
        fields = self.fields(names)
        wanted = [name for name in self.needed[0] if name not in fields]
        shown = "、".join(name[:20] for name in names[:12])
        more = f" ほか{len(names) - 12}列" if len(names) > 12 else ""
        free = next((name for name, f in zip(names, fields, strict=True) if not f), "見出し")
        japanese = "・".join(self.headings[name][1] for name in wanted)
        return UserError(
            f"列「{japanese}」がありません（見つかった列: {shown}{more}）。",
            remedy="見出しを直すか、homutune data import で対応を指定して取り込んでください"
            f"（例: --map {free[:20]}={wanted[0]}）。",
            file=path,
            line=line,
        )

    def check_chosen(self, path: Path, names: Sequence[str]) -> None:
        """Refuse a mapping for a heading that is not there: most likely it is misspelt."""
        if absent := [name for name in self.chosen if name not in names]:
            raise UserError(
                f"--map の見出し「{'、'.join(absent)}」がありません。",
                remedy=f"見つかった列: {'、'.join(name[:20] for name in names[:12])}",
                file=path,
            )


def told(path: Path, names: Sequence[str], fields: Sequence[str]) -> str:
    """A Japanese line on how the headings were understood."""
    used = "、".join(f"{n}→{f}" for n, f in zip(names, fields, strict=True) if f)
    unused = [name for name, f in zip(names, fields, strict=True) if not f and name]
    shown = "、".join(name[:20] for name in unused[:8])
    more = f"ほか{len(unused) - 8}列" if len(unused) > 8 else ""
    return f"{path.name}: 列の対応 {used}" + (f"（使わない列: {shown}{more}）" if unused else "")


def _plain(name: str) -> str:
    """A heading without the differences that mean nothing: width, case, spaces, remarks."""
    text = unicodedata.normalize("NFKC", name).strip().lower()
    text = re.sub(r"\([^()]*\)|【[^【】]*】|\[[^\[\]]*\]|[*※☆★]", "", text)
    return re.sub(r"\s+", "", text)
