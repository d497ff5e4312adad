"""A program of ours, killed at one of its changes to the disk or the database.

python dying.py <number of the change, or part of a path that is changed> <script or module> ...

A change is a file opened for writing, renamed or removed, a folder made or removed, a commit.
Only files below the folder in DYING_BELOW count.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}
WRITING = os.O_WRONLY | os.O_RDWR
below = os.environ["DYING_BELOW"]
left = int(sys.argv[1]) if sys.argv[1].isdigit() else -1
fragment = "nowhere" if sys.argv[1].isdigit() else sys.argv[1]


def change(path: str) -> None:
    global left
    left -= 1
    if left == 0 or fragment in path:
        os.kill(os.getpid(), signal.SIGKILL)


def watch(event: str, args: tuple[Any, ...]) -> None:
    writes = event == "open" and args[2] & WRITING
    if (writes or event in CHANGES) and below in str(args[0]):
        change(str(args[0]))


sys.addaudithook(watch)
if sys.argv[2].endswith(".py"):
    from sqlalchemy import Engine, event

    event.listen(Engine, "commit", lambda connection: change("database"))
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__")
