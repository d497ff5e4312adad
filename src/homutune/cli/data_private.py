"""``homutune data pseudonymize`` and ``restore``: personal data out, and back again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from homutune.cli._console import note, print_json, tell
from homutune.cli._data_load import EXAMPLES
from homutune.cli._data_source import Clients, Target, open_source, read_clients
from homutune.cli._options import AsJson
from homutune.errors import UserError

PSEUDONYMIZE_EPILOG = "\n".join(
    (
        EXAMPLES,
        "  homutune data pseudonymize qa.csv --out qa.仮名.jsonl",
        "  homutune data pseudonymize qa.csv --out 仮名.jsonl --clients 取引先.txt",
    )
)
RESTORE_EPILOG = "\n".join(
    (
        EXAMPLES,
        "  homutune data restore qa.仮名.jsonl --out 元.jsonl",
        "  homutune data restore 回答.txt --map 対応表.json",
        "  homutune ask … | homutune data restore - --map 対応表.json",
    )
)
MapPath = Annotated[
    Path | None,
    typer.Option(
        "--map",
        metavar="FILE",
        help="対応表（仮名と元の語）。省くと HOMUTUNE_HOME の pseudonyms/ の中。",
        show_default=False,
    ),
]


def pseudonymize(
    target: Target = None,
    out_path: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="仮名化した JSONL の書き込み先。")
    ] = Path("pseudonymized.jsonl"),
    map_path: MapPath = None,
    clients: Clients = None,
    as_json: AsJson = False,
) -> None:
    """氏名・住所・番号などを【氏名1】のような仮名に置き換えた、新しいファイルを作ります。"""
    from homutune.data import Pseudonymizer, example_line, read_key, write_atomic, write_key

    key_path = map_path or _default_map(out_path)
    if key_path.absolute().parent == out_path.absolute().parent:
        raise UserError(
            "対応表を、仮名化したデータと同じフォルダーには置けません。",
            remedy="一緒に渡してしまわないよう、--map で別のフォルダーを指定してください。",
            file=key_path,
        )
    if out_path.exists():
        raise UserError(
            "書き込み先に、もうファイルがあります。何も変更していません。",
            remedy="--out で別の名前を指定してください。",
            file=out_path,
        )
    source = open_source(target)
    # An existing key goes on: a person has the same pseudonym in every file.
    key = read_key(key_path) if key_path.exists() else {}
    worker = Pseudonymizer(key, read_clients(clients))
    lines = [example_line(example) for example in worker.examples(source.examples())]
    # The key first: data whose key is lost could not be restored.
    write_key(key_path, worker.key)
    write_atomic(out_path, "".join(lines))
    result = {
        "out": str(out_path),
        "map": str(key_path),
        "examples": len(lines),
        "replaced": worker.replaced,
        "values": len(worker.key),
    }
    if as_json:
        print_json(result)
        return
    tell(f"{len(lines):,}件のうち {worker.replaced:,} か所を仮名にしました → {out_path}")
    tell(f"対応表: {key_path}（人に渡さず、別に保管してください）")
    note("見つけられない個人情報もあります。外に出す前に、必ず読んで確かめてください。", "yellow")


def restore(
    file: Annotated[str, typer.Argument(metavar="FILE", help="元に戻すファイル。- なら標準入力。")],
    map_path: MapPath = None,
    out_path: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="書き込み先。省くと標準出力。"),
    ] = None,
) -> None:
    """【氏名1】のような仮名を、対応表を使って元の語に戻します（JSONL でもただの文でも）。"""
    from homutune import data

    if file == "-" and map_path is None:
        raise UserError("対応表が分かりません。", remedy="--map で対応表を指定してください。")
    key = data.read_key(map_path or _default_map(Path(file)))
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise UserError(
            "ファイルを読めません。", remedy="UTF-8 のファイルを指定してください。", file=file
        ) from None
    if file.lower().endswith(".jsonl"):
        # A value may hold quotation marks: it goes in as JSON, not as text.
        text = "".join(_restored_line(line, key) for line in text.split("\n") if line.strip())
    else:
        text = data.restore(text, key)
    if out_path is None:
        sys.stdout.write(text)
        return
    if out_path.exists():
        raise UserError(
            "書き込み先に、もうファイルがあります。何も変更していません。",
            remedy="--out で別の名前を指定してください。",
            file=out_path,
        )
    data.write_atomic(out_path, text)
    note(f"元に戻しました → {out_path}")


def _restored_line(line: str, key: dict[str, str]) -> str:
    from homutune.data import restore_json

    try:
        value = json.loads(line)
    except ValueError:
        raise UserError(
            "JSON として読めない行があります。", remedy="1行に1つの JSON を書いてください。"
        ) from None
    return json.dumps(restore_json(value, key), ensure_ascii=False) + "\n"


def _default_map(path: Path) -> Path:
    from homutune.settings import load_settings

    return load_settings().home / "pseudonyms" / f"{path.stem}.json"
