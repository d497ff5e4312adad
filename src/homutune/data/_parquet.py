"""Parquet files, through pyarrow (an optional extra)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homutune.data._files import check_file
from homutune.errors import UserError

#: Bytes that a row group may unpack to; writers make them of some 100 MB.
_MAX_GROUP = 2**30


def parquet_records(path: Path, max_columns: int) -> Iterator[tuple[Any, int]]:
    """The records of a Parquet file with their numbers, a batch at a time.

    Raises:
        UserError: pyarrow is not installed, or the file is damaged or too large.
    """
    check_file(path)
    try:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException
    except ModuleNotFoundError:
        raise UserError(
            "Parquet を読む部品（pyarrow）が入っていません。",
            remedy='pip install "homutune[parquet]" を実行してください。',
        ) from None
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            _check(path, file.metadata, max_columns)
            for batch in file.iter_batches(batch_size=256):
                for record in batch.to_pylist():
                    number += 1
                    yield _without_nulls(record), number
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"Parquet のファイルが壊れています（{type(error).__name__}）。",
            remedy="作り直すか、CSV か JSONL で保存し直してください。",
            file=path,
        ) from None


def _check(path: Path, metadata: Any, max_columns: int) -> None:
    groups = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    if metadata.num_columns > max_columns or max(groups, default=0) > _MAX_GROUP:
        raise UserError(
            f"Parquet の列（{metadata.num_columns:,}）か行グループが大きすぎます。",
            remedy=f"列は {max_columns:,} まで、行グループは 1 GB までにしてください。",
            file=path,
        )


def _without_nulls(value: Any) -> Any:
    """Parquet gives every record every key; those without a value were not there."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value
