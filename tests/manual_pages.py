"""The fenced blocks of the manual, and how their commands are run and compared.

A ``console`` block says what is done with it::

    ```console test            run; the lines below a command must appear in what it prints
    ```console test exit=2     the last command of the block ends with that code
    ```console test server     needs the local server: the page's home has a tiny base model
    ```console skip="reason"   not run, and why

A block with ``file="name"`` is written to the working folder first. ``…`` stands for any text,
alone on a line for any lines. Spaces and the frames of tables are not compared: a narrow terminal
wraps lines.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^( *)```(\w+)(?: +([^\n]*))?\n(.*?)^\1```$", re.M | re.S)
_FRAME = re.compile(r"[\s─━│┃╭╮╰╯┏┓┗┛├┤┡┩╇╞╡╪┳┻┼═║]+")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the marks after it, its text and the line it begins at."""

    page: str
    line: int
    language: str
    marks: tuple[str, ...]
    text: str

    def mark(self, name: str) -> str | None:
        """The value of ``name="value"``; "" for a bare mark, None where it is absent."""
        for mark in self.marks:
            key, _, value = mark.partition("=")
            if key == name:
                return value
        return None

    @property
    def place(self) -> str:
        return f"docs/{self.page}:{self.line}"


def pages() -> list[str]:
    """The pages that people wrote, in the order of their names."""
    return sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page."""
    text = (DOCS / page).read_text("utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent, language, marks, body = match.groups()
        body = "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, language, tuple(shlex.split(marks or "")), body))
    return found


def steps(block: Block) -> list[tuple[str, list[str]]]:
    """(command, expected lines) pairs; a command goes on after a backslash at a line's end."""
    found: list[tuple[str, list[str]]] = []
    lines = iter(block.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command = command[:-1] + next(lines).strip()
            found.append((command, []))
        elif line.strip():
            assert found, f"{block.place}: output before the first command"
            found[-1][1].append(line)
    return found


def missing_lines(expected: list[str], said: str) -> list[str]:
    """The expected lines that are not in ``said``, each looked for after the one before it."""
    said, position, missing = _FRAME.sub("", said), 0, []
    for line in expected:
        pieces = [re.escape(_FRAME.sub("", piece)) for piece in line.split("…")]
        found = re.compile(".*?".join(pieces)).search(said, position)
        if found is None:
            missing.append(line)
        else:
            position = found.end()
    return missing


@dataclass
class Terminal:
    """Runs the commands of one page, one after the other, in a folder of their own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, block: Block) -> None:
        """Run a block.

        Raises:
            AssertionError: a command fails, or does not print what the page shows.
        """
        commands = steps(block)
        for number, (command, expected) in enumerate(commands, start=1):
            code = int(block.mark("exit") or 0) if number == len(commands) else 0
            said, ended = self._command(command)
            assert ended == code, f"{block.place}: {command} ended with {ended}\n{said}"
            missing = missing_lines(expected, said)
            assert not missing, f"{block.place}: {command} does not print {missing}\n{said}"

    def script(self, block: Block) -> None:
        """Run a Python block as a program."""
        done = self._start([sys.executable, "-c", block.text])
        assert done.returncode == 0, f"{block.place}:\n{done.stdout}"

    def _command(self, command: str) -> tuple[str, int]:
        words = shlex.split(command, comments=True)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            assert self.folder.is_dir(), command
            return "", 0
        assert words[0] == "homutune", f"only homutune and cd can be tested: {command}"
        done = self._start([sys.executable, "-m", "homutune.cli", *words[1:]])
        return done.stdout, done.returncode

    def _start(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "120", **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=280,
            check=False,
        )
