"""A real PostgreSQL for the tests, in a folder of its own on a free port of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ports import free_port


def binaries() -> Path | None:
    """The folder with ``initdb`` and ``postgres``, if they are installed."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


@contextmanager
def cluster() -> Iterator[str]:
    """Start a cluster; yields the URL of its server, to which a database's name is added."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra postgres)")
    place = binaries()
    if place is None or os.name != "posix":
        pytest.skip("PostgreSQL is not installed (make test-services)")
    identity = _not_root()
    # Not below pytest's own folder, which is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="homutune-pg-"))
    try:
        if identity:
            shutil.chown(folder, identity["user"])
        data = str(folder / "data")
        options: dict[str, Any] = {**identity, "cwd": folder, "stdout": subprocess.DEVNULL}
        initdb = [place / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*initdb, "--locale=C", "--no-sync"], check=True, **options)
        port = free_port()
        command = [place / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", ""]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
        try:
            _wait(server, port)
            yield f"postgresql://tests@127.0.0.1:{port}/"
        finally:
            server.send_signal(signal.SIGINT)  # SIGTERM would wait for every client
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: str, name: str) -> str:
    """Create the database ``name``; returns its URL."""
    import psycopg

    with psycopg.connect(f"{server}postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server + name


def _not_root() -> dict[str, Any]:
    """Whom PostgreSQL runs as: it refuses to be root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL cannot run as root and there is no other user")


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    import psycopg

    end = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"postgresql://tests@127.0.0.1:{port}/postgres").close()
            return
        except psycopg.OperationalError:
            assert server.poll() is None and time.monotonic() < end, "PostgreSQL did not start"
            time.sleep(0.05)
