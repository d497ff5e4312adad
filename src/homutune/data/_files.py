"""Files read whatever editor wrote them, and where the bundled corpus lies."""

from __future__ import annotations

import codecs
import contextlib
from pathlib import Path

from homutune.errors import UserError


def read_text(path: Path, notes: list[str]) -> str:
    """The text of ``path``: UTF-8, with or without BOM, UTF-16 with BOM, or CP932 (Shift_JIS).

    Anything but plain UTF-8 is told in ``notes``.

    Raises:
        UserError: no such file, not readable, none of these encodings, or nothing in it.
    """
    if not path.is_file():
        raise UserError(
            "ファイルが見つかりません。", remedy="パスの綴りと場所を確認してください。", file=path
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"ファイルを開けません（{error.strerror}）。",
            remedy="権限を確認してください。",
            file=path,
        ) from None
    text = _decode(path, data, notes)
    if not text.strip():
        raise UserError("ファイルが空です。", remedy="質問と回答を入れてください。", file=path)
    return text


def _decode(path: Path, data: bytes, notes: list[str]) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode("utf-16")
            notes.append(f"{path.name}: UTF-16 として読みました。")
            return text
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    else:
        if data.startswith(codecs.BOM_UTF8):
            notes.append(f"{path.name}: BOM 付き UTF-8 として読みました。")
        return text
    with contextlib.suppress(UnicodeDecodeError):
        text = data.decode("cp932")
        if not _is_mojibake(text):
            notes.append(f"{path.name}: Shift_JIS（CP932）として読みました。")
            return text
    raise UserError(
        "文字コードを判定できません（UTF-8 でも Shift_JIS でもありません）。",
        remedy="UTF-8 で保存し直してください（Excel では「CSV UTF-8」）。",
        file=path,
    )


def _is_mojibake(text: str) -> bool:
    """Whether CP932 gave mostly half-width katakana or controls: the bytes meant something else."""
    wide = [char for char in text if not char.isascii()]
    odd = [char for char in text if "｡" <= char <= "ﾟ" or (char < " " and char not in "\r\n\t")]
    return len(odd) > 0.3 * max(1, len(wide))


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
