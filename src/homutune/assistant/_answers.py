"""The answers of a form: read, checked all at once, and turned into the words of a document."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from homutune.assistant._templates import FormField, Template
from homutune.assistant._terms import parse_amount
from homutune.errors import UserError

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WIDE = str.maketrans("０１２３４５６７８９，．", "0123456789,.")
_YES = {"はい": True, "yes": True, "true": True, "いいえ": False, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class Day:
    """A day that prints as 2027年4月1日."""

    date: datetime.date

    def __str__(self) -> str:
        return f"{self.date.year}年{self.date.month}月{self.date.day}日"


@dataclass(frozen=True, slots=True)
class Yen:
    """An amount of money that prints as 金1,000,000円."""

    yen: int

    def __str__(self) -> str:
        return f"金{self.yen:,}円"


Answers = dict[str, Any]


def read_answers(path: Path) -> dict[str, Any]:
    """The answers of a YAML file, unchecked.

    Raises:
        UserError: it cannot be read or is no list of names and values.
    """
    try:
        # Every scalar stays the text that was written: 0120 keeps its zero.
        content = yaml.load(path.read_text("utf-8-sig"), yaml.BaseLoader)
    except OSError as error:
        raise UserError(
            f"回答のファイルを開けません（{error.strerror or error}）。",
            remedy="homutune draft 種類 --form > 回答.yaml で書き込み用の形を作れます。",
            file=path,
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError(
            "回答のファイルを読めません。",
            remedy="「名前: 値」の形と、UTF-8 であることを確認してください。",
            file=path,
            line=mark.line + 1 if mark else None,
        ) from None
    if not isinstance(content, dict):
        raise UserError(
            "回答のファイルが「名前: 値」の形ではありません。",
            remedy="homutune draft 種類 --form > 回答.yaml で書き込み用の形を作れます。",
            file=path,
        )
    return content


def check_answers(template: Template, given: Mapping[str, Any]) -> Answers:
    """The values of every field of ``template``.

    Raises:
        UserError: fields are unknown, missing or wrong; all are named at once.
    """
    known = {field.name: field for field in template.fields}
    problems = [f"{name}: この書類にない項目です" for name in given if name not in known]
    answers: Answers = {}
    for name, field in known.items():
        if field.when and not answers.get(field.when):
            answers[name] = ""
            continue
        raw = given.get(name)
        text = "" if raw is None else str(raw).strip()
        try:
            answers[name] = parse_answer(field, text)
        except ValueError as error:
            problems.append(f"{name}（{field.label}）: {error}")
    for chain in template.order:
        days = [(name, answers[name]) for name in chain if isinstance(answers.get(name), Day)]
        for (first, low), (second, high) in itertools.pairwise(days):
            if high.date < low.date:
                problems.append(
                    f"{second}（{known[second].label} {high}）が"
                    f" {first}（{known[first].label} {low}）より前です"
                )
    names = [str(answers.get(party, "")) for party in ("kou", "otsu")]
    if all(names) and names[0] == names[1]:
        problems.append("otsu: 甲と乙が同じです")
    if problems:
        raise UserError(
            f"回答に {len(problems)} か所の誤りがあります。"
            + "".join(f"\n  {p}" for p in problems),
            remedy=f"homutune draft {template.type} --form で、項目と例を確かめてください。",
        )
    return answers


def parse_answer(field: FormField, text: str) -> Any:
    """The value of one answer; an empty one takes the default.

    Raises:
        ValueError: what is wrong with it, Japanese.
    """
    text = text.strip() or field.default or ""
    if not text:
        raise ValueError("記入してください" + (f"（例: {field.example}）" if field.example else ""))
    if _CONTROL.search(text):
        raise ValueError("見えない文字が含まれています")
    if "\n" in text and field.kind != "lines":
        raise ValueError("1 行で書いてください")
    if field.kind == "date":
        return _day(text)
    if field.kind == "amount":
        yen = parse_amount(re.sub("^(?:金|¥)|円$", "", text.translate(_WIDE)))
        if yen is None:
            raise ValueError("金額を 1000000 や 100万円 の形で書いてください")
        return Yen(yen)
    if field.kind == "number":
        return _number(field, text.translate(_WIDE))
    if field.kind == "choice" and text not in field.choices:
        raise ValueError(f"{'・'.join(field.choices)} のどれかです")
    if field.kind == "yesno":
        if text.lower() not in _YES:
            raise ValueError("はい・いいえ のどちらかです")
        return _YES[text.lower()]
    return text


def _day(text: str) -> Day:
    match = re.fullmatch(
        r"([0-9]{4})[-/年.]([0-9]{1,2})[-/月.]([0-9]{1,2})日?", text.translate(_WIDE)
    )
    try:
        if match:
            return Day(datetime.date(*map(int, match.groups())))
    except ValueError:
        pass
    raise ValueError("日付を 2027-04-01 の形で書いてください（暦にある日に限ります）")


def _number(field: FormField, text: str) -> str:
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        raise ValueError("数字で書いてください")
    value = float(text)
    if (field.min is not None and value < field.min) or (
        field.max is not None and value > field.max
    ):
        low = "" if field.min is None else f"{field.min:g} 以上"
        high = "" if field.max is None else f"{field.max:g} 以下"
        raise ValueError(f"{low}{high}で書いてください")
    return f"{value:g}"


def form_text(template: Template) -> str:
    """A YAML form to fill in, with labels, choices and examples as comments."""
    lines = [f"# {template.title}（homutune draft {template.type} --answers このファイル）"]
    for field in template.fields:
        hint = {"date": "2027-04-01 の形", "amount": "円", "yesno": "はい・いいえ"}.get(
            field.kind, ""
        )
        hint = "・".join(field.choices) or hint
        lines.append(f"# {field.label}{f'（{hint}）' if hint else ''}")
        example = field.default if field.default is not None else field.example
        if field.kind == "lines" or "\n" in example:
            lines.append(f"{field.name}: |")
            lines += [f"  {line}" for line in example.splitlines()]
        else:
            quoted = yaml.safe_dump(example, allow_unicode=True, width=10_000).splitlines()[0]
            lines.append(f"{field.name}: {quoted}")
    return "\n".join(lines) + "\n"
