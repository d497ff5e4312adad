"""YAML with line numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from homutune.data._files import read_text
from homutune.errors import UserError

# The C loader reads the corpus ten times faster; PyYAML may be built without it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

YAML = (".yaml", ".yml")
#: libyaml's nodes are built recursively: 100,000 levels end the whole process.
_MAX_DEPTH = 64
#: A node takes about a kilobyte; 10,000 examples have some 250,000 nodes.
_MAX_NODES = 1_000_000


class _Loader(_Base):  # type: ignore[misc]
    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse merge keys: nested, they grow without bound, and nothing of ours uses them."""
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "「<<」は使えません", key.start_mark
                )


def read_yaml(path: Path, what: str) -> Any:
    """The content of ``path``; ``what`` names the kind of file in the message of an error.

    Raises:
        UserError: not readable, or not YAML.
    """
    return load_yaml(path, [], what)[0]


def load_yaml(path: Path, notes: list[str], what: str = "YAML ") -> tuple[Any, yaml.Node]:
    """The content of ``path`` and its node tree, whose marks tell the lines.

    Raises:
        UserError: not readable, or not YAML.
    """
    text = read_text(path, notes)
    loader = _Loader(text)
    try:
        _check_size(path, text)
        node = loader.get_single_node()
        if node is None:
            raise UserError("ファイルが空です。", remedy="中身を入れてください。", file=path)
        return loader.construct_document(node), node
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "書式の誤り"
        raise UserError(
            f"{what}を読めません（{problem}）。",
            remedy="この行とその前の行の字下げ・引用符・コロンを確認してください。",
            file=path,
            line=mark.line + 1 if mark else None,
        ) from None
    except ValueError as error:  # e.g. a date such as 2026-13-45
        raise UserError(
            f"{what}の値を読めません（{error}）。",
            remedy="日付などの値を確認してください。",
            file=path,
        ) from None
    finally:
        loader.dispose()


def _check_size(path: Path, text: str) -> None:
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > _MAX_DEPTH or nodes > _MAX_NODES:
            what = "YAML の入れ子が深すぎます" if depth > _MAX_DEPTH else "YAML が大きすぎます"
            raise UserError(
                f"{what}。",
                remedy="質問と回答のデータか確認してください。大きいデータは .jsonl が向きます。",
                file=path,
                line=event.start_mark.line + 1 if event.start_mark else None,
            )


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


def known_mapping(
    item: Any, known: set[str], required: Iterable[str], what: str, file: Path, line: int
) -> Mapping[str, Any]:
    """``item`` as a mapping with known keys only: a misspelt key must not vanish silently.

    Raises:
        UserError: it is none, or a key is missing or unknown.
    """
    if not isinstance(item, dict):
        raise UserError(
            f"{what}は「項目: 値」の形にしてください。",
            remedy="字下げとコロンを確認してください。",
            file=file,
            line=line,
        )
    if missing := [key for key in required if item.get(key) is None]:
        raise UserError(
            f"{what}に {'・'.join(missing)} がありません。",
            remedy="項目を足してください。",
            file=file,
            line=line,
        )
    if unknown := [str(key) for key in item if key not in known]:
        raise UserError(
            f"{what}に知らない項目 {'・'.join(unknown)} があります。",
            remedy=f"使える項目: {', '.join(sorted(known))}",
            file=file,
            line=line,
        )
    return item


def data_files(path: Path, subfolder: str, suffixes: tuple[str, ...] = YAML) -> list[Path]:
    """The files meant by ``path``: itself, or those of the folder or its ``subfolder``.

    Raises:
        UserError: there are none.
    """
    if not path.is_dir():
        return [path]
    folder = path / subfolder if (path / subfolder).is_dir() else path
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes)
    if not files:
        raise UserError(
            f"フォルダーに {'・'.join(suffixes)} のファイルがありません。",
            remedy="データのあるフォルダーを指定してください。",
            file=folder,
        )
    return files
