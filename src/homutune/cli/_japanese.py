"""Typer speaks English; these few functions make its fixed phrases Japanese."""

from __future__ import annotations

import re
from typing import Any

import typer

HELP_OPTION = "この説明を表示して終わります。"
HELP_TITLES = {
    "ARGUMENTS_PANEL_TITLE": "引数",
    "OPTIONS_PANEL_TITLE": "オプション",
    "COMMANDS_PANEL_TITLE": "コマンド",
    "DEFAULT_STRING": "[既定値: {}]",
    "REQUIRED_LONG_STRING": "[必須]",
}
#: Typer's wording of a usage error -> ours; the first pattern that matches is taken.
USAGE_ERRORS = (
    (
        r"No such command '(?P<x>.*?)'\.?(?: Did you mean '(?P<y>.*)'\?)?$",
        "コマンド {x} はありません",
    ),
    (r"No such option: (?P<x>\S+)(?: .*?(?P<y>--.*?)[)?]*)?$", "オプション {x} はありません"),
    (r"Missing command\.", "コマンドを指定してください"),
    (r"Missing (?:argument|option|parameter) '(?P<x>.*?)'\.", "{x} を指定してください"),
    (r"Got unexpected extra argument\(s\) \((?P<x>.*)\)", "引数が多すぎます（{x}）"),
    (r"Option '(?P<x>.*?)' requires", "オプション {x} に値を付けてください"),
    (r"Option '(?P<x>.*?)' does not take a value", "オプション {x} に値は付けられません"),
    (
        r"Invalid value for '(?P<x>.*?)': (?:Value error, )?(?P<z>.*)",
        "{x} の値が正しくありません（{z}）",
    ),
)


def translate_help_titles() -> None:
    """Set the titles of the help panels; imports Rich's help pages, so only when help is due."""
    import typer.rich_utils

    for name, text in HELP_TITLES.items():
        setattr(typer.rich_utils, name, text)


def translate_help_option(command: Any) -> None:
    """Give ``--help`` of a command and of all commands below it a Japanese line."""
    option = command.get_help_option(typer.Context(command))
    if option is not None:
        option.help = HELP_OPTION
    for child in getattr(command, "commands", {}).values():
        translate_help_option(child)


def usage_error(error: Any) -> tuple[str, str]:
    """Message and remedy for one of Typer's usage errors.

    Its classes are private to Typer, so it is recognised by what it offers:
    ``format_message()`` and, where it happened inside a command, ``ctx``.
    """
    english = error.format_message()
    message = f"コマンドの使い方が正しくありません（{english}）"
    for pattern, japanese in USAGE_ERRORS:
        if match := re.match(pattern, english, re.DOTALL):
            groups = match.groupdict()
            message = japanese.format(**groups)
            if groups.get("y"):
                message += f"。もしかして: {groups['y']}"
            break
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "homutune"
    return f"{message}。", f"使い方は {path} --help で確認できます。"
