"""Time and memory of reading and checking made-up examples: linear time, constant memory.

.venv/bin/python bench/data_scale.py                        10,000 and 100,000 rows
.venv/bin/python bench/data_scale.py --rows 1000000         a million (some 800 MB on disk)
.venv/bin/python bench/data_scale.py --check --json out.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FORMATS = ("jsonl", "csv")
#: Run in a process of its own, so that its memory is this step's alone. The peak is that of the
#: program itself (VmHWM), not of what started it, as ru_maxrss would be.
STEP = """
import sys, time
from pathlib import Path
from homutune.data import {imports}

start = time.process_time()
count = {measured}
seconds = time.process_time() - start
status = Path("/proc/self/status").read_text()
print(count, seconds, int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""
STEPS = {
    "empty": ("Example", "0"),
    "read": ("iter_examples", "sum(1 for _ in iter_examples(Path(sys.argv[1])))"),
    "check": (
        "check_examples, iter_examples",
        "check_examples(iter_examples(Path(sys.argv[1]))).n",
    ),
}


def examples(rows: int) -> Iterator[tuple[str, str, str]]:
    """Ids, questions and answers: no two alike, about 60 and 200 characters."""
    things = ("売買", "請負", "賃貸借", "業務委託", "秘密保持", "使用許諾", "共同開発")
    for n in range(rows):
        thing = things[n % len(things)]
        question = f"{thing}の契約書第{n}号では、相手方が期限の{n % 90 + 1}日後に通知した場合、"
        answer = (
            f"結論：{thing}の契約書第{n}号の定めによります。\n"
            f"根拠：当事者は第{n % 97 + 1}項で、{n % 30 + 1}日以内の通知を約束しています。"
            f"定めのない点は、契約書第{n}号の目的と取引の経緯から判断されます。\n"
            f"留意点：通知の日と内容を記録し、控え{n}を保管します。"
        )
        yield f"q-{n:07d}", f"{question}どのような請求ができますか。", answer


def write(path: Path, rows: int) -> None:
    """Write the examples as chat JSONL with meta, or as CSV under Japanese headings."""
    with path.open("w", encoding="utf-8") as file:
        if path.suffix == ".csv":
            file.write("番号,質問,回答\n")
        for example_id, question, answer in examples(rows):
            if path.suffix == ".csv":
                file.write(f'{example_id},{question},"{answer}"\n')
                continue
            messages = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
            record = {"messages": messages, "meta": {"id": example_id}}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def measured(step: str, path: Path) -> tuple[int, float, float]:
    """Examples, seconds of CPU and peak MB of one step in a process of its own."""
    imports, expression = STEPS[step]
    code = STEP.format(imports=imports, measured=expression)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    count, seconds, peak = done.stdout.split()
    return int(count), float(seconds), float(peak)


def main() -> None:
    """Print a table, and write the figures as JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--check", action="store_true", help="also all checks, streaming")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        empty = measured("empty", Path(folder))[2]
        print(f"| 形式 | 件数 | MB | 処理 | CPU 秒 | 件/秒 | 最大 MB（起動だけで {empty:.0f}） |")
        print("|---|---|---|---|---|---|---|")
        for form in FORMATS:
            for rows in options.rows:
                path = Path(folder) / f"a.{form}"
                write(path, rows)
                size = path.stat().st_size / 1e6
                for step in ("read", "check") if options.check else ("read",):
                    count, seconds, peak = measured(step, path)
                    if count != rows:
                        raise SystemExit(f"{count} of {rows} examples came back")
                    print(
                        f"| {form} | {rows:,} | {size:.0f} | {step} | {seconds:.1f} "
                        f"| {rows / seconds:,.0f} | {peak:.0f} |",
                        flush=True,
                    )
                    found.append(
                        {
                            "format": form,
                            "rows": rows,
                            "file_mb": size,
                            "step": step,
                            "cpu_seconds": seconds,
                            "peak_mb": peak,
                            "empty_mb": empty,
                        }
                    )
                path.unlink()
    if options.json:
        report = {"measured_at": time.strftime("%Y-%m-%d"), "figures": found}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
