"""Files for others: DPO lines, a Hugging Face dataset folder, and our own JSONL.

The folder is Parquet under a dataset card, which ``datasets.load_dataset(folder)`` reads (seen
with datasets 5.2). The ``datasets`` library itself would do the same through pandas and some
twenty more packages, about 100 MB beyond pyarrow.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from homutune.data._datasets import Dataset
from homutune.data._shapes import META_LISTS
from homutune.data._types import Example, Message, Meta, TrainingLine
from homutune.errors import UserError
from homutune.files import write_atomic, write_stream_atomic

#: JSON that any reader takes line by line: Unicode's own line breaks and broken characters escaped.
_ESCAPED = re.compile("[\x85\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Preference:
    """A question with the answer to prefer and the one to avoid."""

    prompt: tuple[Message, ...]
    preferred: str
    rejected: str
    example_id: str = ""

    def as_provider_line(self) -> dict[str, Any]:
        """OpenAI's preference format (method ``dpo``)."""
        return {
            "input": {"messages": [dict(message) for message in self.prompt]},
            "preferred_output": [{"role": "assistant", "content": self.preferred}],
            "non_preferred_output": [{"role": "assistant", "content": self.rejected}],
        }


def preferences(old: Iterable[TrainingLine], new: Iterable[TrainingLine]) -> list[Preference]:
    """What a revision teaches: where the prompt is the same, its answer before the one it replaced.

    Args:
        old: lines of the version before, made with the same recipe and seed as ``new``.
    """
    before = {(line.example_id, line.case): line.messages for line in old}
    found = []
    for line in new:
        messages = before.get((line.example_id, line.case))
        if messages is None or messages[:-1] != line.messages[:-1] or messages == line.messages:
            continue
        answers = (line.messages[-1]["content"], messages[-1]["content"])
        found.append(Preference(line.messages[:-1], *answers, example_id=line.example_id))
    return found


def write_dpo_jsonl(path: Path, pairs: Iterable[Preference]) -> None:
    """Write a file for preference training, a line for each pair."""
    write_stream_atomic(path, map(_line, (pair.as_provider_line() for pair in pairs)))


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write examples with all we know about them; :func:`iter_examples` reads them back.

    Examples are written as they come and never held together. Returns their number.

    Raises:
        UserError: a record holds no conversation; nothing is written then.
    """
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        for example in examples:
            count += 1
            meta = {k: v for k, v in asdict(example.meta).items() if v}
            record = {"messages": list(example.messages), "meta": meta}
            if example.raw is not None:
                if not isinstance(example.raw, dict) or "messages" not in example.raw:
                    source = example.source
                    raise UserError(
                        "質問と回答として読めない行があります。",
                        remedy="--map で列の対応を指定するか、この行を直してください。",
                        file=source.file if source else None,
                        line=source.line if source else None,
                    )
                record = {**example.raw, "meta": meta}
            yield _line(record)

    write_stream_atomic(path, lines())
    return count


def _line(record: Any) -> str:
    text = json.dumps(record, ensure_ascii=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def write_hf_folder(
    folder: Path, dataset: Dataset, sides: Mapping[str, Sequence[TrainingLine]], recipe: str
) -> None:
    """Write a folder that ``datasets.load_dataset(folder)`` reads; the card comes last.

    A row is ``messages`` (as TRL and others train on), ``example_id``, ``case`` and ``meta``.

    Args:
        sides: training lines by split name (``train``, ``validation``).

    Raises:
        UserError: pyarrow is not installed, or the disk is full.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise UserError(
            "Parquet を書く部品（pyarrow）が入っていません。",
            remedy='pip install "homutune[parquet]" を実行してください。',
        ) from None
    text, texts = pa.string(), pa.list_(pa.string())
    keys = dict.fromkeys(("role", "content", "name"), text) | {"weight": pa.int8()}
    lines = [line for side in sides.values() for line in side]
    used = [k for k in keys if any(k in message for line in lines for message in line.messages)]
    schema = pa.schema(
        {
            "messages": pa.list_(pa.struct([(key, keys[key]) for key in used])),
            "example_id": text,
            "case": text,
            "meta": pa.struct(
                [(f.name, texts if f.name in META_LISTS else text) for f in fields(Meta)]
            ),
        }
    )
    metas = {example.meta.id: asdict(example.meta) for example in dataset.examples}
    for name, side in sides.items():
        rows = [
            {
                "messages": list(line.messages),
                "example_id": line.example_id,
                "case": line.case,
                "meta": metas[line.example_id],
            }
            for line in side
        ]
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
        write_atomic(folder / "data" / f"{name}.parquet", buffer.getvalue())
    counts = {name: len(side) for name, side in sides.items()}
    write_atomic(folder / "README.md", _card(dataset, counts, recipe))


def _card(dataset: Dataset, counts: Mapping[str, int], recipe: str) -> str:
    """The dataset card; its head tells ``load_dataset`` which file is which split."""
    files = "".join(
        f"      - split: {name}\n        path: data/{name}.parquet\n" for name in counts
    )
    rows = "".join(f"| {name} | {count} |\n" for name, count in counts.items())
    manifest = dataset.manifest
    parents = "、".join(manifest.parents) or "なし"
    return (
        "---\n"
        "language:\n  - ja\n"
        "task_categories:\n  - question-answering\n  - text-generation\n"
        "tags:\n  - legal\n"
        "configs:\n  - config_name: default\n    data_files:\n"
        f"{files}"
        "---\n\n"
        f"# {dataset.name}\n\n"
        "homutune が書き出した法務 Q&A です。社内の情報を含むことがあるため、公開の前に"
        "中身と権利を確認してください。\n\n"
        f"| 分割 | 行数 |\n|---|---|\n{rows}\n"
        f"- 作成: {manifest.created_at}\n- 法令の基準日: {manifest.as_of or '不明'}\n"
        f"- 形: {recipe}\n- 元の版: {parents}\n\n"
        "```python\n"
        "from datasets import load_dataset\n\n"
        'data = load_dataset("このフォルダー")\n'
        "```\n"
    )
