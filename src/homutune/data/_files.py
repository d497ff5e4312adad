"""Text files read whatever program wrote them, in bounded memory, and where the corpus lies.

Files come from outside: nothing here holds more than one line, or ``MAX_WHOLE`` bytes, at a time.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from homutune.errors import UserError

#: Characters in one line, or one record of a table: many times 65,536 tokens, the longest example
#: that any provider trains on.
MAX_LINE = 4_000_000
#: Bytes of a file that cannot be read piece by piece (YAML, JSON).
MAX_WHOLE = 32 * 2**20
_BLOCK = 2**20
_SAMPLE = 2**18

_NAMES = {
    "utf-16": "UTF-16",
    "utf-8-sig": "BOM 付き UTF-8",
    "cp932": "Shift_JIS（CP932）",
    "euc_jp": "EUC-JP",
    "euc_jis_2004": "EUC-JP",
}
#: What charset-normalizer is asked, in this order: JIS X 0213 takes nearly anything, and a short
#: text with ㈱ or ① looks odd to it, so both come after the plain question.
_QUESTIONS = (
    (0.2, ["cp932", "euc_jp"]),
    (0.2, ["euc_jis_2004"]),
    (0.4, ["cp932", "euc_jp"]),
    (0.4, ["euc_jis_2004"]),
)
#: How other kinds of file begin, and what to do with them.
_OTHERS = {
    b"PK\x03\x04": ("Excel か ZIP のファイルです", "Excel なら拡張子を .xlsx にしてください。"),
    b"\xd0\xcf\x11\xe0": (
        "古い形式の Excel か、パスワードの付いた Excel のファイルです",
        "パスワードを外し、.xlsx で保存し直してください。",
    ),
    b"PAR1": ("Parquet のファイルです", "拡張子を .parquet にしてください。"),
    b"%PDF": ("PDF のファイルです", "表や文を CSV か Excel に移してください。"),
}


def check_file(path: Path) -> None:
    """Refuse what is not a file with something in it.

    Raises:
        UserError: no such file, not readable, or empty.
    """
    if not path.is_file():
        raise UserError(
            "ファイルが見つかりません。", remedy="パスの綴りと場所を確認してください。", file=path
        )
    if not path.stat().st_size:
        raise _empty(path)


def other_kind(head: bytes) -> tuple[str, str] | None:
    """What a file that begins with ``head`` is, and the remedy, where it is no text."""
    return next((what for magic, what in _OTHERS.items() if head.startswith(magic)), None)


@contextmanager
def open_text(path: Path, notes: list[str], newline: str) -> Iterator[TextIO]:
    """Open ``path`` as text: UTF-8, UTF-16 with BOM, CP932 (Shift_JIS) or EUC-JP.

    Anything but plain UTF-8 is told in ``notes``. The whole file has been decoded once before,
    so reading does not fail half-way for a wrong character.

    Args:
        newline: as in :func:`open`.

    Raises:
        UserError: no such file, not readable, not text, or none of these encodings.
    """
    check_file(path)
    try:
        encoding = _encoding(path)
        handle = path.open(encoding=encoding, newline=newline)
    except OSError as error:
        raise UserError(
            f"ファイルを開けません（{error.strerror}）。",
            remedy="権限を確認してください。",
            file=path,
        ) from None
    if encoding in _NAMES:
        notes.append(f"{path.name}: {_NAMES[encoding]} として読みました。")
    with handle:
        yield handle


def read_text(path: Path, notes: list[str]) -> str:
    """The whole text of a file of at most ``MAX_WHOLE`` bytes; encodings as in :func:`open_text`.

    Raises:
        UserError: as :func:`open_text`, or too large, or nothing but white space in it.
    """
    check_file(path)
    if path.stat().st_size > MAX_WHOLE:
        raise UserError(
            f"ファイルが大きすぎます（{path.suffix} は {MAX_WHOLE // 2**20} MB まで）。",
            remedy="1行に1件の .jsonl か .csv にするか、ファイルを分けてください。",
            file=path,
        )
    with open_text(path, notes, newline="") as handle:
        text = handle.read()
    if not text.strip():
        raise _empty(path)
    return text


def lines_of_text(path: Path, handle: TextIO) -> Iterator[str]:
    """The lines of ``handle`` with their ends, each of at most ``MAX_LINE`` characters.

    Raises:
        UserError: a line is longer.
    """
    number = 0
    while line := handle.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise too_long(path, number)
        yield line


def too_long(path: Path, line: int) -> UserError:
    """The error for a line or record of more than ``MAX_LINE`` characters."""
    return UserError(
        f"1件が長すぎます（{MAX_LINE // 10_000:,}万字まで）。",
        remedy="1行（1件）ごとに改行されているか、引用符が閉じているかを確認してください。",
        file=path,
        line=line,
    )


def _empty(path: Path) -> UserError:
    return UserError("ファイルが空です。", remedy="質問と回答を入れてください。", file=path)


def _encoding(path: Path) -> str:
    """The encoding of ``path``, all of which decodes in it."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    if kind := other_kind(head):
        raise UserError(f"{kind[0]}。", remedy=kind[1], file=path)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        first = "utf-16"
    else:
        first = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    wrong = _first_wrong_byte(path, first)
    if wrong is None:
        return first
    if first == "utf-8":
        for encoding in _likely(path, wrong):
            if _first_wrong_byte(path, encoding) is None:
                return encoding
    raise UserError(
        "文字コードを判定できません（UTF-8 でも Shift_JIS でも EUC-JP でもありません）。",
        remedy="UTF-8 で保存し直してください（Excel では「CSV UTF-8」）。",
        file=path,
        line=_line_at(path, wrong),
    )


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _first_wrong_byte(path: Path, encoding: str) -> int | None:
    """About where the first byte is that is no text in ``encoding``; None: all of it is."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0
    for block in _blocks(path):
        if b"\0" in block and encoding != "utf-16":
            raise UserError(
                "文字のファイルではありません（バイナリー）。",
                remedy="CSV・JSONL・YAML などの文字のファイルを指定してください。",
                file=path,
            )
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            return offset + min(error.start, len(block) - 1)
        offset += len(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return offset - 1
    return None


def _likely(path: Path, wrong: int) -> Iterator[str]:
    """Japanese encodings that the bytes around offset ``wrong`` look like, the likeliest first."""
    from charset_normalizer import from_bytes

    with path.open("rb") as file:
        file.seek(max(0, wrong - _SAMPLE // 2))
        sample = file.read(_SAMPLE)
    # Not cut inside a character: bytes below 0x40 are never part of one in these encodings.
    plain = [i for i, byte in enumerate(sample) if byte < 0x40]
    if len(sample) == _SAMPLE and plain:
        sample = sample[: plain[-1]]
    if wrong > _SAMPLE // 2 and plain:
        sample = sample[plain[0] :]
    for threshold, encodings in _QUESTIONS:
        for match in from_bytes(sample, cp_isolation=encodings, threshold=threshold):
            yield match.encoding


def _line_at(path: Path, offset: int) -> int:
    line = 1
    for block in _blocks(path):
        line += block[: max(0, offset)].count(b"\n")
        offset -= len(block)
        if offset <= 0:
            break
    return line


def corpus_path() -> Path:
    """The corpus that comes with homutune: inside the package, or ``corpus/`` of a checkout.

    Raises:
        UserError: neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_corpus", package.parents[1] / "corpus"):
        if folder.is_dir():
            return folder
    raise UserError(
        "同梱のコーパスが見つかりません。",
        remedy="homutune をインストールし直すか、データのパスを指定してください。",
    )
