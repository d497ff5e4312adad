"""Build the law index that ships in the package from e-Gov data: facts only, no statute text.

    python scripts/build_law_index.py ../shared/law

Reads from that folder (README.md there describes the files)

* ``all_laws_articles_2026-02.jsonl.gz``: every law in force, with its article numbers;
* ``captions_4155laws_2025-07.jsonl.gz``: captions and numbers of paragraphs, seven months older;
* ``main_laws_articles.jsonl.gz``: the same for 108 laws, from more than one source;

and writes ``src/homutune/law/index.tsv.xz``, whose form :mod:`homutune.law._index` describes.
The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from homutune.law._index import FORMAT, INDEX_FILE, expand  # noqa: E402

ARTICLES = "all_laws_articles_2026-02.jsonl.gz"
CAPTIONS = "captions_4155laws_2025-07.jsonl.gz"
MAIN_LAWS = "main_laws_articles.jsonl.gz"
HEADER = {
    "format": FORMAT,
    "articles_date": "2026-02-08",
    "captions_date": "2025-07",
    "source": "e-Gov法令検索",
}
#: caption (None: unknown or none), number of paragraphs (None: unknown)
Facts = tuple[str | None, int | None]


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a gzipped JSONL file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def compress(entries: list[str | dict[str, Any]]) -> str:
    """Article numbers as runs: ``1-3 3_2-3 4-37 x38-84`` (``x``: deleted)."""
    runs: list[tuple[bool, str, int, int]] = []
    for entry in entries:
        first = entry if isinstance(entry, str) else entry["n"]
        last = first if isinstance(entry, str) else entry.get("to", first)
        deleted = not isinstance(entry, str) and bool(entry.get("deleted"))
        stem, start = _split(first)
        end_stem, end = _split(last)
        if end_stem != stem:  # 削除 that runs from 12条の2 to 14条: its ends are all we know
            runs += [(deleted, stem, start, start), (deleted, end_stem, end, end)]
        elif runs and runs[-1][:2] == (deleted, stem) and runs[-1][3] + 1 == start:
            runs[-1] = (*runs[-1][:3], end)
        else:
            runs.append((deleted, stem, start, end))
    return " ".join(
        f"{'x' if deleted else ''}{stem}{start}" + (f"-{end}" if end != start else "")
        for deleted, stem, start, end in runs
    )


def _split(number: str) -> tuple[str, int]:
    """``"264_2"`` → (``"264_"``, 2), so that runs of branches are runs too."""
    stem, _, last = number.rpartition("_")
    return (f"{stem}_" if stem else ""), int(last)


def caption_text(caption: str | None) -> str | None:
    """The caption without its parentheses."""
    inner = re.fullmatch(r"[（(](.+)[）)]", (caption or "").strip())
    return re.sub(r"\s", "", inner[1]) if inner else None


def older_facts(folder: Path, numbers: dict[str, list[str]]) -> dict[str, dict[str, Facts]]:
    """Captions and paragraph counts per law and article.

    They are older than the article numbers. A law whose numbers differ between the two dates may
    have been renumbered (下請法 became 取適法), so its captions are taken only from the 108 laws
    that were looked at one by one.
    """
    facts: dict[str, dict[str, Facts]] = {}
    for row in rows(folder / CAPTIONS):
        own = {a["n"]: a for a in row["articles"] if "n" in a and not a.get("deleted")}
        if list(own) == numbers.get(row["law_id"]):
            facts[row["law_id"]] = {
                n: (caption_text(a["caption"]), a["n_par"] or None) for n, a in own.items()
            }
    for row in rows(folder / MAIN_LAWS):
        known = facts.setdefault(row["law_id"], {})
        caption, paragraphs = known.get(row["n"], (None, None))
        known[row["n"]] = (
            caption or caption_text(row["caption"]),
            paragraphs or len(row["paragraphs_2025"] or ()) or None,
        )
    return facts


def line(law: dict[str, Any], status: str, articles: str, facts: dict[str, Facts]) -> str:
    """One law as a line of the index."""
    live = [number for number, deleted in expand(articles) if not deleted]
    known = [facts.get(number, (None, None)) for number in live]
    paragraphs = ",".join(str(count or "") for _, count in known).rstrip(",")
    captions = "|".join(caption or "" for caption, _ in known).rstrip("|")
    title = re.sub(r"[\s　]+抄$", "", law["title"])
    cells = (law["law_id"], status, title, law["law_num"] or "", articles, paragraphs, captions)
    if any("\t" in cell or "\n" in cell for cell in cells):
        raise SystemExit(f"a cell of {law['law_id']} holds a separator")
    return "\t".join(cells)


def build(folder: Path) -> bytes:
    """The whole index, compressed."""
    laws = list(rows(folder / ARTICLES))
    articles = {law["law_id"]: compress(law["articles"]) for law in laws}
    numbers = {
        law_id: [number for number, deleted in expand(runs) if not deleted]
        for law_id, runs in articles.items()
    }
    facts = older_facts(folder, numbers)
    lines = [json.dumps(HEADER, ensure_ascii=False, sort_keys=True)]
    lines += [line(law, "", articles[law["law_id"]], facts.get(law["law_id"], {})) for law in laws]
    # Laws of the older file that are no longer among those in force.
    for law in rows(folder / CAPTIONS):
        if law["law_id"] not in articles:
            old = compress([a for a in law["articles"] if "n" in a])
            lines.append(line(law, "x", old, {}))
    raw = ("\n".join(lines) + "\n").encode("utf-8")
    return lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)


def main() -> None:
    """Build the index and say how large it became."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder with the e-Gov data")
    parser.add_argument("--out", type=Path, default=ROOT / "src/homutune/law" / INDEX_FILE)
    arguments = parser.parse_args()
    data = build(arguments.folder)
    arguments.out.write_bytes(data)
    laws = lzma.decompress(data).count(b"\n") - 1
    print(f"{arguments.out}: {laws:,} laws in {len(data):,} bytes")


if __name__ == "__main__":
    main()
