"""文章, 箇条書き, 表 and JSON: how they are asked for, and how the answer is read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homutune.client._types import Form, Table
from homutune.errors import UserError

if TYPE_CHECKING:
    from pydantic import BaseModel

#: What is added to the system text.
INSTRUCTIONS: dict[Form, str] = {
    "文章": "",
    "箇条書き": "すべての行を「- 」で始まる箇条書きにし、前置きを書かないでください。",
    "表": "Markdown の表（1行目は見出し）だけを書き、前置きを書かないでください。",
    "JSON": "JSON だけを書いてください。",
}
_BULLET = re.compile(r"^\s*(?:[-*・•‣●○]|[0-9０-９]{1,2}[.)．）、]|[①-⑳])\s*(?P<text>\S.*)$")
_RULE = re.compile(r"\s*:?-+:?\s*")
_FENCE = re.compile(r"\A\s*```[a-zA-Z]*\n(?P<inside>.*?)\n?```\s*\Z", re.DOTALL)

Schema = "type[BaseModel] | dict[str, Any]"


class NotInForm(ValueError):
    """The text is not in the form; the message is Japanese and meant for the model as well."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text holds in its form."""

    items: tuple[str, ...] = ()
    table: Table | None = None
    data: Any = None
    notes: tuple[str, ...] = ()


def response_format(form: Form, schema: type[BaseModel] | dict[str, Any] | None) -> Any:
    """``response_format`` of the request; None where the form is free text.

    Raises:
        UserError: the schema is not one.
    """
    if schema is None:
        return {"type": "json_object"} if form == "JSON" else None
    if isinstance(schema, dict):
        _check_schema(schema)
        name, content, strict = "answer", schema, False
    else:
        import openai

        # The SDK's own way to the strict subset (no further keys, all required).
        function: Any = openai.pydantic_function_tool(schema)["function"]
        name, content, strict = "answer", function["parameters"], True
    described = {"name": name, "schema": content, "strict": strict}
    return {"type": "json_schema", "json_schema": described}


def parse(text: str, form: Form, key: Any = None) -> Parsed:
    """Read ``text`` as ``form``; JSON is only parsed here, see :func:`validate`.

    Raises:
        NotInForm: it is not in the form.
    """
    if form == "箇条書き":
        return _items(text)
    if form == "表":
        return Parsed(table=_table(text))
    if form == "JSON":
        return Parsed(data=_json(text))
    return Parsed()


def validate(data: Any, schema: type[BaseModel] | dict[str, Any] | None) -> Any:
    """``data`` as the pydantic model, or itself where it fits the JSON Schema.

    Raises:
        NotInForm: it does not fit; no content of ``data`` is in the message.
    """
    if schema is None:
        return data
    if isinstance(schema, dict):
        from jsonschema.validators import validator_for

        problem = next(iter(validator_for(schema)(schema).iter_errors(data)), None)
        if problem is not None:
            place = "/".join(map(str, problem.absolute_path)) or "全体"
            raise NotInForm(f"項目 {place} が指定の形（{problem.validator}）に合いません。")
        return data
    from pydantic import ValidationError

    try:
        return schema.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(map(str, first["loc"])) or "全体"
        raise NotInForm(f"項目 {place} が指定の形（{first['type']}）に合いません。") from None


def markdown_table(table: Table) -> str:
    """``table`` in Markdown."""
    rows = [table.header, tuple("---" for _ in table.header), *table.rows]
    cells = [[cell.replace("|", "｜").replace("\n", " ") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _items(text: str) -> Parsed:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    found = [match["text"].strip() for line in lines if (match := _BULLET.match(line))]
    if found:
        return Parsed(items=tuple(found))
    sentences = [s.strip() for line in lines for s in re.findall(r"[^。]+。?", line) if s.strip()]
    if not sentences:
        raise NotInForm("箇条書きが空です。")
    note = "モデルが箇条書きで答えなかったため、文ごとに分けました。"
    return Parsed(items=tuple(sentences), notes=(note,))


def _table(text: str) -> Table:
    rows = [
        tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        for line in text.split("\n")
        if line.strip().startswith("|") and line.strip().count("|") >= 2
    ]
    if len(rows) < 3 or not all(map(_RULE.fullmatch, rows[1])):
        raise NotInForm("Markdown の表（見出し・区切り・1行以上）になっていません。")
    width = len(rows[0])
    even = tuple((*row, *("",) * width)[:width] for row in rows[2:])
    return Table(rows[0], even)


def _json(text: str) -> Any:
    fenced = _FENCE.match(text)
    try:
        return json.loads(fenced["inside"] if fenced else text)
    except ValueError:
        pass
    # Words before and after: the outermost braces or brackets.
    found = re.search(r"[{\[].*[}\]]", text, re.DOTALL)
    try:
        return json.loads(found[0] if found else text)
    except ValueError:
        raise NotInForm("JSON として読めません。") from None


def _check_schema(schema: dict[str, Any]) -> None:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise UserError(
            f"JSON スキーマが正しくありません（{error.message}）。",
            remedy="スキーマの書式を直してください。",
        ) from None
