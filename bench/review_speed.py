"""How long a long contract takes by rule, and how much memory.

.venv/bin/python bench/review_speed.py [pages]

The contract is bench/contracts/gyomu-itaku-1.txt with its articles repeated and renumbered
until it has 1,200 characters for every page, with one defect near the end; it is read from a
docx, as a user would.
"""

from __future__ import annotations

import re
import resource
import sys
import tempfile
import time
from pathlib import Path

import docx

from homutune.assistant import load_playbooks, read_document, review_document

PER_PAGE = 1_200
SOURCE = Path(__file__).parent / "contracts/gyomu-itaku-1.txt"


def long_contract(pages: int) -> str:
    """The contract, as long as asked for."""
    opening, *articles = re.split(r"(?m)^(?=第\d+条（)", SOURCE.read_text("utf-8"))
    text, number = opening, 0
    while len(text) < pages * PER_PAGE:
        for article in articles:
            number += 1
            text += re.sub(r"^第\d+条", f"第{number}条", article)
    before, _, after = text.rpartition("45日以内")
    return f"{before}90日以内{after}"


def main() -> None:
    """Print seconds, by the clock and of the processor, and the peak memory of this process."""
    pages = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    text = long_contract(pages)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.docx"
        document = docx.Document()
        for line in text.splitlines():
            document.add_paragraph(line)
        document.save(str(path))
        started, computed = time.perf_counter(), time.process_time()
        review = review_document(read_document(path), load_playbooks(), side="受託者")
        seconds, computed = time.perf_counter() - started, time.process_time() - computed
    # ru_maxrss counts KiB on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / (1e6 if sys.platform == "darwin" else 1024)
    print(
        f"{pages} pages, {len(text):,} characters, {len(review.clauses)} clauses:"
        f" {seconds:.2f} s ({computed:.2f} s of processor), peak {peak_mb:.0f} MB,"
        f" {len(review.findings)} findings"
    )


if __name__ == "__main__":
    main()
