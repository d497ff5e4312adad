"""契約・法令コントラストセット: a right statement and the smallest change that makes it wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homutune.data._shapes import meta_text, meta_texts
from homutune.data._types import Source
from homutune.data._yaml import child, data_files, known_mapping, lines_of, load_yaml
from homutune.errors import UserError

#: What the change concerns -> what a reader sees, in the order shown.
CONTRAST_TYPES = {
    "negation": "否定",
    "party": "当事者の入替え",
    "number": "数字",
    "period": "期間",
    "article": "条番号",
    "bound": "以上・超・以下・未満",
    "connective": "又は・及び",
    "presumption": "推定・みなす",
    "old_law": "旧法・新法",
}

_REQUIRED = ("id", "type", "right", "wrong", "paraphrases", "reason", "as_of")
_FIELDS = {*_REQUIRED, "articles", "card", "context"}


@dataclass(frozen=True, slots=True)
class ContrastPair:
    """A right and a wrong statement that differ as little as possible."""

    id: str
    #: A key of :data:`CONTRAST_TYPES`.
    type: str
    right: str
    wrong: str
    #: Other wordings of ``right``: right as well.
    paraphrases: tuple[str, ...]
    #: Why ``wrong`` is wrong, with its article.
    reason: str
    #: Date of the law, ISO 8601.
    as_of: str
    #: Empty only where ``context`` decides.
    articles: tuple[str, ...] = ()
    #: Id of the card that proves ``right``.
    card: str | None = None
    #: The clause the statement is about, where it is no rule of law.
    context: str | None = None
    source: Source | None = None


def read_contrast(path: Path, notes: list[str] | None = None) -> list[ContrastPair]:
    """Read pairs from a YAML file or a folder of them (or one with a ``contrast/`` folder in it).

    Args:
        path: files of the form ``{defaults:, pairs:}``; ``defaults`` hold for every pair.
        notes: receives Japanese remarks on what was read in an unusual way (encoding).

    Raises:
        UserError: with file and line, for what cannot be read or is no contrast pair.
    """
    pairs: dict[str, ContrastPair] = {}
    for file in data_files(path, "contrast"):
        content, node = load_yaml(file, [] if notes is None else notes)
        if not isinstance(content, dict) or not isinstance(content.get("pairs"), list):
            raise UserError(
                "「pairs:」の一覧がありません。",
                remedy="「defaults:」と「pairs:」の形にしてください（例は corpus/contrast）。",
                file=file,
            )
        defaults = content.get("defaults") or {}
        if not isinstance(defaults, dict):
            raise UserError(
                "「defaults:」は「項目: 値」の形にしてください。",
                remedy="字下げとコロンを確認してください。",
                file=file,
            )
        for item, line in zip(content["pairs"], lines_of(child(node, "pairs")), strict=True):
            values = {**defaults, **item} if isinstance(item, dict) else item
            values = known_mapping(values, _FIELDS, _REQUIRED, "対の項目", file, line)
            pair = _pair(values, Source(str(file), line))
            if fault := _fault(pair, pairs):
                raise UserError(fault[0], remedy=fault[1], file=file, line=line)
            pairs[pair.id] = pair
    return list(pairs.values())


def _pair(values: Mapping[str, Any], source: Source) -> ContrastPair:
    texts = {key: meta_text(values, key, source) or "" for key in _REQUIRED if key != "paraphrases"}
    return ContrastPair(
        **texts,
        paraphrases=meta_texts(values, "paraphrases", source),
        articles=meta_texts(values, "articles", source),
        card=meta_text(values, "card", source),
        context=meta_text(values, "context", source),
        source=source,
    )


def _fault(pair: ContrastPair, known: Mapping[str, ContrastPair]) -> tuple[str, str] | None:
    """What keeps ``pair`` from being a contrast, and the remedy."""
    empty = [key for key in _REQUIRED if not getattr(pair, key)]
    if empty:
        return f"対の項目の {'・'.join(empty)} が空です。", "中身を入れてください。"
    if pair.id in known:
        return f"id「{pair.id}」が重なっています。", "id を付け直してください。"
    if pair.type not in CONTRAST_TYPES:
        return (
            f"種類「{pair.type}」は使えません。",
            f"使える種類: {', '.join(CONTRAST_TYPES)}",
        )
    if pair.right == pair.wrong or pair.wrong in pair.paraphrases:
        return (
            "正しい文と誤った文が同じです。",
            "wrong には、意味が変わる最小の変更をした文を書いてください。",
        )
    if not pair.articles and not pair.context:
        return (
            "根拠となる articles も context もありません。",
            "条文（例: 民法566条）か、対象の契約条項を書いてください。",
        )
    return None
