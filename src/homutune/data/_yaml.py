"""YAML with line numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from homutune.data._files import read_text
from homutune.errors import UserError

# The C loader reads the corpus ten times faster; PyYAML may be built without it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(path: Path, notes: list[str]) -> tuple[Any, yaml.Node]:
    """The content of ``path`` and its node tree, whose marks tell the lines.

    Raises:
        UserError: not readable, or not YAML.
    """
    text = read_text(path, notes)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise UserError("ファイルが空です。", remedy="中身を入れてください。", file=path)
        return loader.construct_document(node), node
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "書式の誤り"
        raise UserError(
            f"YAML を読めません（{problem}）。",
            remedy="この行とその前の行の字下げ・引用符・コロンを確認してください。",
            file=path,
            line=mark.line + 1 if mark else None,
        ) from None
    except ValueError as error:  # e.g. a date such as 2026-13-45
        raise UserError(
            f"YAML の値を読めません（{error}）。",
            remedy="日付などの値を確認してください。",
            file=path,
        ) from None
    finally:
        loader.dispose()


def child(node: yaml.Node, key: str) -> yaml.Node | None:
    """The node under ``key`` of a mapping node."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def lines_of(node: yaml.Node | None) -> list[int]:
    """The lines (from 1) on which the items of a sequence node begin."""
    if not isinstance(node, yaml.SequenceNode):
        return []
    return [item.start_mark.line + 1 for item in node.value]


def yaml_files(path: Path, subfolder: str) -> list[Path]:
    """The YAML files meant by ``path``: itself, or those of the folder or its ``subfolder``.

    Raises:
        UserError: there are none.
    """
    if not path.is_dir():
        return [path]
    folder = path / subfolder if (path / subfolder).is_dir() else path
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".yaml", ".yml"})
    if not files:
        raise UserError(
            "フォルダーに YAML ファイルがありません。",
            remedy="*.yaml のあるフォルダーを指定してください。",
            file=folder,
        )
    return files
