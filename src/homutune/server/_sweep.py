"""What a killed server left lying: bytes that no row knows and nobody could ask to remove.

Bytes are marked before they get their final name and the mark is taken away once their row is
written. Only marked bytes, and those of jobs the database knows to be over, are removed: what
this database does not know may be known to another one (a backup, the SQLite file of before).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from homutune.server._job_folder import PENDING, job_folder
from homutune.server._store import FileRow, JobRow, Store


def sweep(store: Store, home: Path) -> None:
    """Remove leftovers; to be called before the first request."""
    for mark in (home / "files").glob(f".*.{PENDING}"):
        file_id = mark.name[1:].removesuffix(f".{PENDING}")
        if store.get(FileRow, file_id) is None:
            (home / "files" / file_id).unlink(missing_ok=True)
        mark.unlink()
    for mark in (home / "jobs").glob(f"*/{PENDING}"):
        if store.get(JobRow, mark.parent.name) is None:
            shutil.rmtree(mark.parent)
        else:
            mark.unlink()
    tuned = {home / row.adapter_path for row in store.models()}
    for job_id in store.ended_jobs():
        job_folder(home, job_id).remove_training_data()
        for name in (job_id, f".{job_id}.building"):
            if home / "adapters" / name not in tuned:
                shutil.rmtree(home / "adapters" / name, ignore_errors=True)
