"""How a command fails: calmly, in Japanese, with what to do next."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

import typer

from homutune.cli import _japanese
from homutune.cli._console import console, note, print_json
from homutune.errors import UserError
from homutune.files import says_disk_full


def speak_utf8() -> None:
    """Write UTF-8 whatever the code page: Windows pipes default to CP932, which lacks ✓."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")


def tell_interrupted() -> None:
    """What Ctrl-C leaves behind is safe; say so."""
    note("\n中断しました。同じコマンドで続きから再開できます。")


def report(error: Exception, *, as_json: bool) -> int:
    """Tell the user about ``error`` and return the exit code.

    2 for what the user can put right, 1 for a fault of ours (with a traceback in a file),
    141 where the reader of our output went away.
    """
    if isinstance(error, BrokenPipeError):
        # Python would complain once more when it flushes stdout on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    if isinstance(error, typer.Abort):  # end of input at a question
        tell_interrupted()
        return 130
    if hasattr(error, "format_message"):
        if type(error).__name__ == "NoArgsIsHelpError":
            return 2  # the help has been printed
        message, remedy = _japanese.usage_error(error)
        return _tell(UserError(message, remedy=remedy), as_json)
    known = _known(error)
    if known is not None:
        return _tell(known, as_json)
    return _tell_unexpected(error, as_json)


def _known(error: Exception) -> UserError | None:
    """The user error in ``error``, be it one itself or one of the machine's usual troubles."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("homutune"):
        return UserError(
            f"この機能に必要な部品 {error.name} が入っていません。",
            remedy=f'pip install "homutune[{_extra(error.name)}]" を実行してください。',
        )
    if not isinstance(error, OSError):
        return None
    if says_disk_full(error):
        return UserError(
            "ディスクの空きがなくなりました。",
            remedy="不要なファイルを消すか、HOMUTUNE_HOME で空きのある場所を指定してから、"
            "同じコマンドをもう一度実行してください。",
        )
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return UserError(
            "読み書きする権限がありません。",
            file=error.filename,
            remedy="権限を確認するか、HOMUTUNE_HOME で書き込める場所を指定してください。",
        )
    return None


def _extra(module: str | None) -> str:
    """The extra of the package that brings ``module``."""
    return "assistant" if str(module).split(".")[0] in {"docx", "lxml"} else "local"


def _tell(error: UserError, as_json: bool) -> int:
    if as_json:
        print_json(
            {
                "error": {
                    "message": error.message,
                    "remedy": error.remedy,
                    "file": error.file,
                    "line": error.line,
                }
            }
        )
    head = f"{error.where}: {error.message}" if error.where else error.message
    console.print("エラー: ", style="bold red", end="")
    note(head)
    if error.remedy:
        console.print("対処: ", style="bold", end="")
        note(error.remedy)
    return error.exit_code


def _tell_unexpected(error: Exception, as_json: bool) -> int:
    log = _write_traceback(error)
    _tell(
        UserError(
            f"予期しない問題が起きました（{type(error).__name__}）。",
            remedy=f"記録 {log} を添えて開発者に連絡してください。",
        ),
        as_json,
    )
    return 1


def _write_traceback(error: Exception) -> Path:
    """Save the traceback without local variables: those may hold the text of a contract."""
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    text = "".join(traceback.format_exception(error))
    for folder in (_log_folder(), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        except OSError:
            continue
        return folder / name
    return Path(name)


def _log_folder() -> Path:
    from homutune.settings import load_settings

    try:
        return load_settings().home / "logs"
    except UserError:
        return Path(tempfile.gettempdir())
