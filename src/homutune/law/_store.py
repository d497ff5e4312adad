"""Statute texts kept on this machine: one compressed file per law, under the home folder."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.law._standard_xml import ArticleText, LawText, Paragraph, parse_law

#: The largest law (地方税法) is about 20 MB of XML.
MAX_BYTES = 64 * 2**20


class LawStore:
    """The folder ``law/`` of a home folder."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "law"

    def get(self, law_id: str) -> LawText | None:
        """The stored text of a law, or None; a file that cannot be read counts as none."""
        try:
            raw = gzip.decompress(self._path(law_id).read_bytes())
            row = json.loads(raw)
            articles = {
                number: ArticleText(
                    number,
                    article["caption"],
                    tuple(Paragraph(**paragraph) for paragraph in article["paragraphs"]),
                )
                for number, article in row.pop("articles").items()
            }
            return LawText(**row, articles=articles)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error):
            return None

    def put(self, law: LawText) -> Path:
        """Write ``law`` in place of what was stored of it.

        Raises:
            UserError: the disk is full or the folder not writable; nothing was changed.
        """
        path = self._path(law.law_id)
        text = json.dumps(asdict(law), ensure_ascii=False)
        write_atomic(path, gzip.compress(text.encode("utf-8"), mtime=0))
        return path

    def law_ids(self) -> list[str]:
        """All laws that are stored."""
        return sorted(path.name.removesuffix(".json.gz") for path in self.folder.glob("*.json.gz"))

    def _path(self, law_id: str) -> Path:
        # The id comes from a file or from the network and becomes a file name.
        if not re.fullmatch(r"[0-9A-Za-z]{1,40}", law_id):
            raise UserError(f"法令ID「{law_id[:40]}」の形が正しくありません。")
        return self.folder / f"{law_id}.json.gz"


@dataclass(frozen=True, slots=True)
class Difference:
    """Which articles a new version adds, takes away or words differently."""

    added: list[str]
    removed: list[str]
    changed: list[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(old: LawText, new: LawText) -> Difference:
    """What changed between two versions of a law."""
    before, after = old.articles, new.articles
    return Difference(
        added=[number for number in after if number not in before],
        removed=[number for number in before if number not in after],
        changed=[n for n, article in after.items() if before.get(n, article) != article],
    )


def read_laws(path: Path, *, as_of: str = "") -> Iterator[LawText]:
    """The laws in an XML file, a ``.xml.gz``, e-Gov's ZIP, or a folder of these.

    Raises:
        UserError: a file cannot be read, or holds no law.
    """
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.name.endswith((".xml", ".xml.gz", ".zip")))
        if not files:
            raise UserError(
                "フォルダーに法令のファイル（.xml、.xml.gz、.zip）がありません。",
                file=path,
                remedy="e-Gov法令検索でダウンロードしたファイルの場所を指定してください。",
            )
        for file in files:
            yield from read_laws(file, as_of=as_of)
        return
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for entry in sorted(archive.infolist(), key=lambda one: one.filename):
                    if entry.filename.endswith(".xml"):
                        with archive.open(entry) as stream:
                            data = stream.read(MAX_BYTES + 1)
                        yield parse_law(_checked(data, path), name=entry.filename, as_of=as_of)
        else:
            open_file = gzip.open if path.suffix == ".gz" else Path.open
            with open_file(path, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
            yield parse_law(_checked(data, path), name=str(path), as_of=as_of)
    except FileNotFoundError:
        raise UserError(
            "ファイルがありません。", file=path, remedy="ファイルの場所を確認してください。"
        ) from None
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, RuntimeError):
        raise UserError(
            "圧縮ファイルが壊れています。",
            file=path,
            remedy="もう一度ダウンロードしてください。",
        ) from None


def _checked(data: bytes, path: Path) -> bytes:
    if len(data) > MAX_BYTES:
        raise UserError(
            f"法令のファイルとしては大きすぎます（上限 {MAX_BYTES // 2**20} MB）。",
            file=path,
            remedy="e-Gov法令検索でダウンロードした XML かを確認してください。",
        )
    return data
