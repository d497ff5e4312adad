"""Templates of documents: our own wording, a form of questions, and the playbook's clauses.

A template is a YAML file in ``corpus/templates`` that a lawyer reads in a diff. Texts are Jinja2
with the answers of the form; ``sample('id')`` puts in the sample wording of a playbook rule,
``ref('id')`` the number and the heading of another clause.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from homutune.data import corpus_path, read_yaml
from homutune.errors import UserError

FieldKind = Literal["text", "lines", "date", "amount", "number", "choice", "yesno"]
_ID = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FormField(_Model):
    """One question of the form; ``example`` is shown, ``default`` is used where left empty.

    ``when`` names a yes/no field above it; the question is not put where that is answered no.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str
    kind: FieldKind = "text"
    example: str = ""
    default: str | None = None
    choices: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    when: str = ""


class ClauseTemplate(_Model):
    """One clause: ``text``, or the samples of ``rules``, or one of several ``options`` (texts).

    Each line of the text becomes a 項, lines that begin with （ a 号. ``when`` names a yes/no
    field; the clause is left out where it is answered no. The first option is the default.
    """

    id: str = Field(pattern=_ID)
    title: str
    text: str = ""
    rules: tuple[str, ...] = ()
    options: dict[str, str] = {}
    when: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> ClauseTemplate:
        if sum(map(bool, (self.text, self.rules, self.options))) != 1:
            raise ValueError("text・rules・options のどれか一つを書いてください")
        return self


class Template(_Model):
    """A contract (``clauses``) or a letter or memo (``text``).

    ``order`` lists fields of dates that must not go backwards. ``certified`` asks for the form
    of 内容証明 (20 characters, 26 lines).
    """

    type: str = Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
    title: str
    kind: Literal["契約書", "通知", "メモ"] = "契約書"
    fields: tuple[FormField, ...]
    preamble: str = ""
    clauses: tuple[ClauseTemplate, ...] = ()
    closing: str = ""
    annex: str = ""
    text: str = ""
    order: tuple[tuple[str, ...], ...] = ()
    certified: bool = False
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Template:
        for what, names in (
            ("項目", [field.name for field in self.fields]),
            ("条", [clause.id for clause in self.clauses]),
        ):
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{what}が重複しています: {'、'.join(sorted(twice))}")
        known = {field.name for field in self.fields}
        used = {name for chain in self.order for name in chain}
        used |= {clause.when for clause in self.clauses if clause.when}
        used |= {field.when for field in self.fields if field.when}
        if unknown := used - known:
            raise ValueError(f"項目 {'、'.join(sorted(unknown))} は定義されていません")
        return self


def template_folder() -> Path:
    """Where the templates that come with homutune lie."""
    return corpus_path() / "templates"


def load_templates(folder: Path | None = None) -> dict[str, Template]:
    """All templates of ``folder`` (default: the bundled ones) by type.

    ``_common.yaml`` holds the fields and the ends of every contract, and clauses that a
    template takes over by naming their id; ``without`` names common fields it does not use.

    Raises:
        UserError: one cannot be read or breaks the schema.
    """
    folder = folder or template_folder()
    common = _load(folder / "_common.yaml") if (folder / "_common.yaml").is_file() else {}
    templates = {}
    for path in sorted(folder.glob("*.yaml")):
        if not path.name.startswith("_"):
            template = _template(path, _load(path), common)
            templates[template.type] = template
    if not templates:
        raise UserError(
            "ひな形がありません。",
            remedy="*.yaml のあるフォルダーを指定してください。",
            file=folder,
        )
    return templates


def _load(path: Path) -> dict[str, Any]:
    content = read_yaml(path, "ひな形")
    if not isinstance(content, dict):
        raise UserError(
            "ひな形の形が正しくありません。",
            remedy="同梱の corpus/templates の形に合わせてください。",
            file=path,
        )
    return content


def _template(path: Path, content: dict[str, Any], common: dict[str, Any]) -> Template:
    content = dict(content)
    shared = {clause["id"]: clause for clause in common.get("clauses", [])}
    clauses = []
    for entry in content.get("clauses", []):
        if isinstance(entry, str) and entry not in shared:
            raise UserError(
                f"共通の条 {entry} はありません。",
                remedy="_common.yaml にある id を指定してください。",
                file=path,
            )
        clauses.append(shared[entry] if isinstance(entry, str) else entry)
    if clauses:
        content["clauses"] = clauses
        own = {field["name"] for field in content.get("fields", [])}
        left_out = {*own, *content.pop("without", [])}
        content["fields"] = [
            *(field for field in common.get("fields", []) if field["name"] not in left_out),
            *content.get("fields", []),
        ]
        content.setdefault("closing", common.get("closing", ""))
    try:
        return Template.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"ひな形の {' → '.join(map(str, first['loc'])) or '内容'} が正しくありません"
            f"（{first['msg']}）。",
            remedy="同梱の corpus/templates の形に合わせてください。",
            file=path,
        ) from None
