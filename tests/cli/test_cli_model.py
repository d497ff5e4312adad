"""``homutune model``: export and card, from the folder of a real tuned model."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from homutune.cli._app import run
from homutune.engine import BaseModels
from homutune.engine.train import main as train
from tiny import build_tiny_base, write_job
from tiny_others import build_folder

pytestmark = pytest.mark.slow
NAME = "ft:tiny-gemma:local::AbCd1234"


@pytest.fixture
def tuned_home(home: Path) -> Path:
    build_tiny_base(home)
    options = {"n_epochs": 1, "batch_size": 4, "learning_rate_multiplier": 1}
    folder = home / "jobs" / "ftjob-1"
    write_job(folder, home, hyperparameters=options, fine_tuned_model=NAME)
    assert train(folder) == 0
    return home


def test_export_and_card_work_without_a_server(
    tuned_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "export", "--format", "ollama", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == NAME and told["format"] == "ollama"
    folder = Path(told["folder"])
    assert folder == tmp_path / "ft-tiny-gemma-local-AbCd1234-ollama"
    assert sorted(told["files"]) == ["Modelfile", "NOTICE", "README.md", "model.gguf"]
    assert all((folder / name).stat().st_size for name in told["files"])

    assert run(["model", "export", NAME, "--format", "ollama"]) == 2
    assert "書き出し先がすでにあります" in capsys.readouterr().err
    assert run(["model", "export", NAME, "--format", "gguf", "--lora", "--output", "two"]) == 0
    assert "adapter.gguf" in capsys.readouterr().out

    assert run(["model", "card", "--output", "CARD.md"]) == 0
    capsys.readouterr()
    assert run(["model", "card"]) == 0
    assert capsys.readouterr().out == (tmp_path / "CARD.md").read_text("utf-8")
    assert run(["model", "card", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["lora_rank"] == 16


def test_a_model_that_is_not_here_is_told_calmly(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "export"]) == 2
    assert "学習したモデルがまだありません" in capsys.readouterr().err
    assert run(["model", "export", "ft:gpt-4.1:org::x"]) == 2
    assert "ほかのサービスで学習したモデルの重みは書き出せません" in capsys.readouterr().err
    assert run(["model", "export", "--format", "hf", "--lora"]) == 2
    assert "--lora は" in capsys.readouterr().err


def test_a_base_model_is_added_from_a_folder_and_listed(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = build_folder(tmp_path / "hub" / "Tiny Qwen", "qwen2")
    assert run(["model", "add", "no-such-folder"]) == 2
    assert "--download" in capsys.readouterr().err
    assert run(["model", "add", str(folder), "--license", "Apache-2.0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["license"]) == ("Tiny-Qwen", "Apache-2.0")
    assert [model.id for model in BaseModels(home).list()] == ["gemma3-270m", "Tiny-Qwen"]
    assert run(["model", "add", str(folder)]) == 2
    assert "すでにあります" in capsys.readouterr().err


class _Hub(BaseHTTPRequestHandler):
    """What the client of the hub asks for: the list of files, then each of them."""

    folder: Path
    asked: ClassVar[list[str]] = []
    sent: ClassVar[list[str]] = []
    #: Weights that break off instead of coming.
    broken: ClassVar[set[str]] = set()

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.asked.append(path)
        if body:
            self.sent.append(path)
        if body and path.rpartition("/")[2] in self.broken:
            self.send_error(404)
            return
        if path.startswith("/api/models/org/tiny/tree/"):
            content = json.dumps(
                [
                    {"type": "file", "path": p.name, "size": p.stat().st_size, "oid": "0" * 40}
                    for p in self.folder.iterdir()
                ]
            ).encode()
        elif path.startswith("/api/"):
            names = [{"rfilename": p.name} for p in self.folder.iterdir()]
            content = json.dumps(
                {"id": "org/tiny", "modelId": "org/tiny", "sha": "0" * 40, "siblings": names}
            ).encode()
        else:
            content = (self.folder / path.rpartition("/")[2]).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", f'"{len(content):040x}"')
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def test_a_repository_is_fetched_only_when_that_is_asked_for(home: Path, tmp_path: Path) -> None:
    _Hub.folder = build_folder(tmp_path / "hub", "qwen2")
    (_Hub.folder / "modeling_evil.py").write_text("raise SystemExit(9)")
    (_Hub.folder / "consolidated.safetensors").write_bytes(b"the same once more")
    hub = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    # In a process of its own: the library reads its address once.
    environment = {
        **os.environ,
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    command = [sys.executable, "-m", "homutune.cli", "model", "add", "org/tiny", "--json"]

    def add(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *options], env=environment, capture_output=True, text=True, check=False
        )

    refused = add()
    assert refused.returncode == 2 and not _Hub.asked
    _Hub.broken = {"model.safetensors"}
    stopped = add("--download")
    assert stopped.returncode == 2 and "続きから取得します" in stopped.stderr, stopped.stderr
    assert any(path.endswith("/config.json") for path in _Hub.sent)
    _Hub.broken = set()
    _Hub.sent.clear()
    done = add("--download")
    hub.shutdown()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "tiny"
    assert any(path.endswith("model.safetensors") for path in _Hub.asked)
    assert not any(path.endswith((".py", "consolidated.safetensors")) for path in _Hub.asked)
    assert not any(path.endswith("/config.json") for path in _Hub.sent), "it was there already"
    assert not any((home / "cache" / "downloads").iterdir()), "it is a base model now"


def test_a_full_disk_is_not_taken_for_a_wrong_name(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    assert run(["model", "add", "org/tiny", "--download"]) == 2
    told = capsys.readouterr().err
    assert "ディスクの空き" in told and "名前と接続" not in told
