"""The training program, killed at one of its changes to the disk.

python dying.py <number of the change, or part of a path that is changed> <job folder>

Every file opened for writing, renamed or removed and every folder made or removed is a change.
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


def watch(event: str, args: tuple[Any, ...]) -> None:
    global left
    if event in CHANGES or (event == "open" and args[2] & WRITING):
        path = str(args[0])
        if below not in path:
            return
        left -= 1
        if left == 0 or fragment in path:
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(watch)
sys.argv = ["train", sys.argv[2]]
runpy.run_module("homutune.engine.train", run_name="__main__")
