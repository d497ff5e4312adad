"""What MkDocs builds besides the pages: the references, and plain fences for tested blocks.

The command reference is read from the same command objects that print ``--help``; the API
reference from the docstrings, without importing the modules. Both are made at every build, so
they cannot go stale. MkDocs calls the ``on_*`` functions (``hooks:`` in mkdocs.yml).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from homutune.cli._app import VERBS, app, load_verb

ROOT = Path(__file__).resolve().parents[1]
#: The rooms whose public names a program may use, from the bottom up.
ROOMS = {
    "law": "法令",
    "data": "データ",
    "client": "接続",
    "tuning": "学習",
    "prompting": "プロンプト",
    "evaluation": "評価",
    "improvement": "改善",
    "assistant": "アシスタント",
    "engine": "ローカルエンジン",
    "server": "サーバー",
    "web": "画面",
    "deliver": "提出物",
}
#: What tests/test_manual.py reads on a fence and Markdown must not.
FENCE = re.compile(r'^([ \t]*```+\w+) +(?:test\b|skip="|file="([^"]+)").*$', re.M)
ROLE = re.compile(r":(?:\w+:)?\w+:`~?([^`]+)`")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the two generated pages."""
    for name, content in (("cli", cli_reference()), ("api", api_reference())):
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Show a tested block as an ordinary one, and a file under its name."""
    return FENCE.sub(lambda m: m[1] + (f' title="{m[2]}"' if m[2] else ""), markdown)


def cli_reference() -> str:
    """Every verb with its arguments, options and examples, as ``--help`` gives them."""
    lines = [
        "# コマンド",
        "",
        "このページは、手引きを作るたびに `homutune … --help` と同じ定義から作られます。",
        "",
    ]
    for name in VERBS:
        lines += command_lines(["homutune", name], load_verb(name), VERBS[name].help)
    assert app.info.name == "homutune"
    return "\n".join(lines)


def command_lines(path: list[str], command: Any, fallback: str = "") -> list[str]:
    """One command and, below it, its subcommands."""
    context = command.make_context(path[-1], [], resilient_parsing=True)
    usage = [*path, *(piece for piece in command.collect_usage_pieces(context))]
    lines = [f"{'#' * len(path)} {' '.join(path)}", ""]
    lines += [escape(plain(command.help or fallback)), "", "```text", " ".join(usage), "```", ""]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    for title, found in (("引数", arguments), ("オプション", options)):
        rows = [row(parameter) for parameter in found if parameter.name != "help"]
        if rows:
            lines += [f"| {title} | 意味 | 既定値 |", "|---|---|---|", *rows, ""]
    if command.epilog:
        lines += ["```text", plain(command.epilog), "```", ""]
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            lines += command_lines([*path, name], child)
    return lines


def row(parameter: Any) -> str:
    """One line of the table of arguments or options."""
    names = [*parameter.opts, *parameter.secondary_opts]
    shown = " / ".join(f"`{name}`" for name in names)
    if parameter.metavar and parameter.param_type_name == "option":
        shown += f" {escape(parameter.metavar)}"
    if parameter.param_type_name == "argument":
        shown = f"`{parameter.metavar or parameter.name.upper()}`"
    default = parameter.default
    if callable(default) or default in (None, "", (), [], ...) or isinstance(default, bool):
        default = ""
    meaning = " ".join(plain(getattr(parameter, "help", "") or "").split())
    required = "（必須）" if parameter.required else ""
    return f"| {shown} | {cell(escape(meaning))}{required} | {cell(str(default))} |"


def api_reference() -> str:
    """The public names of every room with signature and docstring."""
    package = griffe.load("homutune", search_paths=[str(ROOT / "src")])
    lines = [
        "# Python API",
        "",
        "このページは、手引きを作るたびにプログラムの説明文（docstring、英語）から作られます。"
        "ここにない名前（`_` で始まるもの）は、予告なく変わります。",
        "",
    ]
    for room, title in ROOMS.items():
        if room not in package.modules:
            continue
        module = package[room]
        lines += [f"## homutune.{room}（{title}）", "", *docstring(module)]
        for name in module.exports or []:
            lines += object_lines(module[str(name)], room)
    return "\n".join(lines)


def object_lines(thing: Any, room: str) -> list[str]:
    """A function, class or value; of a class also its public methods and fields."""
    target = thing.final_target if thing.is_alias else thing
    lines = [f"### {escape(thing.name)} {{ #{room}-{thing.name} }}", ""]
    if target.is_function:
        return [*lines, *signature(target), *docstring(target)]
    if not target.is_class:
        return [*lines, *value(target), *docstring(target)]
    bases = ", ".join(str(base) for base in target.bases)
    lines += ["```python", f"class {target.name}({bases})" if bases else f"class {target.name}"]
    fields = [m for m in target.members.values() if m.is_attribute and public(m) and m.annotation]
    lines += [f"    {field.name}: {field.annotation}" for field in fields]
    lines += ["```", "", *docstring(target)]
    for member in target.members.values():
        if public(member) and not member.is_alias and member.is_function and member.docstring:
            lines += [f"**`{member.name}`**", "", *signature(member), *docstring(member)]
        elif public(member) and not member.is_alias and member.is_attribute and member.docstring:
            lines += [f"**`{member.name}`**", "", *docstring(member)]
    return lines


def public(member: Any) -> bool:
    """Whether a program outside may use it."""
    return not member.name.startswith("_")


def signature(function: Any) -> list[str]:
    """The call as a code block, one parameter a line where it is long."""
    parameters = []
    for parameter in function.parameters:
        if parameter.name in ("self", "cls"):
            continue
        kind = parameter.kind.name if parameter.kind else ""
        text = {"var_positional": "*", "var_keyword": "**"}.get(kind, "") + parameter.name
        text += f": {parameter.annotation}" if parameter.annotation is not None else ""
        if parameter.default is not None and not kind.startswith("var_"):
            text += f" = {parameter.default}"
        if (
            kind == "keyword_only"
            and "*" not in parameters
            and not any(p.startswith("*") for p in parameters)
        ):
            parameters.append("*")
        parameters.append(text)
    inside = ", ".join(parameters)
    if len(inside) > 70:
        inside = "\n    " + ",\n    ".join(parameters) + ",\n"
    returned = f" -> {function.returns}" if function.returns is not None else ""
    return ["```python", f"{function.name}({inside}){returned}", "```", ""]


def value(attribute: Any) -> list[str]:
    """A constant: its annotation, and its value where that is short."""
    text = attribute.name
    text += f": {attribute.annotation}" if attribute.annotation is not None else ""
    shown = str(attribute.value) if attribute.value is not None else ""
    text += f" = {shown}" if shown and len(shown) < 80 and "\n" not in shown else ""
    return ["```python", text, "```", ""]


def docstring(thing: Any) -> list[str]:
    """The docstring as Markdown."""
    if thing.docstring is None:
        return []
    lines: list[str] = []
    for section in thing.docstring.parse("google", warnings=False):
        kind = section.kind.value
        if kind == "text":
            lines += [escape(section.value), ""]
        elif kind == "raises":
            lines += ["Raises:", ""]
            for item in section.value:
                lines.append(f"- `{item.annotation}`: {escape(' '.join(item.description.split()))}")
            lines.append("")
        elif kind == "examples":
            lines += [f"```python\n{text}\n```" for _, text in section.value]
        else:
            lines += [f"{kind}:", ""]
            for item in section.value if isinstance(section.value, list) else []:
                name = getattr(item, "name", "") or item.annotation
                lines.append(f"- `{name}`: {escape(' '.join(item.description.split()))}")
            lines.append("")
    return lines


def plain(text: str) -> str:
    """Help text without Typer's marks."""
    return text.replace("\b\n", "").replace("\b", "").replace("\f", "").strip()


def escape(text: str) -> str:
    """Docstring text as Markdown: roles become code, and nothing else is markup."""
    text = ROLE.sub(r"`\1`", text)
    pieces = re.split(r"(``[^`]+``|`[^`]+`)", text)
    for i in range(0, len(pieces), 2):
        pieces[i] = re.sub(r"([*_\[\]#|])", r"\\\1", pieces[i]).replace("<", "&lt;")
    return "".join(pieces)


def cell(text: str) -> str:
    """Text for a table's cell."""
    return text if "\\|" in text else text.replace("|", "\\|")
