"""``homutune law``: show an article, verify the citations of a file, fetch statute text."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homutune.cli import _law_view
from homutune.cli._console import note, print_json, tell
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.law import Law, LawStore, LawText

_EXAMPLES = "使い方の例:"

app = typer.Typer(
    help="法令の引用の確認、条文の表示・取り込み・更新。",
    epilog="\n".join(
        (
            _EXAMPLES,
            "  homutune law show 民法415条      条があるかを調べる",
            "  homutune law verify 契約書.md    文書の中の引用を確かめる",
            "  homutune law update 民法 会社法  最新の条文を取得する",
            "  homutune law import 法令.zip     法令標準XMLを取り込む",
        )
    ),
    no_args_is_help=True,
    add_completion=False,
)


@app.command(
    epilog="\n".join(
        (
            _EXAMPLES,
            "  homutune law show 民法415条1項",
            "  homutune law show 下請法3条       旧法なら今の条番号を示す",
            "  homutune law show 個人情報保護法  法令番号・条数・略称を示す",
        )
    )
)
def show(
    citation: Annotated[
        str, typer.Argument(metavar="CITATION", help="法令名と条番号、または法令名。")
    ],
    as_json: AsJson = False,
) -> None:
    """条があるかを調べ、取得済みなら条文を示します。

    該当なしなら終了コードは 2 です。ネットワークは使いません。
    """
    from homutune.law import Verdict, check_citation, extract_citations

    store = _store()
    citations = extract_citations(citation)
    if not citations:
        law = _law(citation)
        if as_json:
            print_json(_law_view.law_row(law))
        else:
            _law_view.print_law(law)
        return
    findings = [check_citation(one, store) for one in citations]
    if as_json:
        print_json([_law_view.shown_row(finding, store) for finding in findings])
    else:
        for position, finding in enumerate(findings):
            if position:
                tell("")
            _law_view.print_finding(finding, store)
    if any(finding.verdict is Verdict.MISSING for finding in findings):
        raise typer.Exit(2)


@app.command(
    epilog="\n".join(
        (
            _EXAMPLES,
            "  homutune law verify 契約書.md",
            "  homutune law verify data/qa/*.yaml --problems",
            "  homutune law verify 回答.jsonl --strict --json",
            "  cat 回答.txt | homutune law verify -",
        )
    )
)
def verify(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help=".txt .md .yaml .jsonl。- なら標準入力。"),
    ],
    problems: Annotated[
        bool, typer.Option("--problems", help="確認済みの引用を表示しません。")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="要確認もエラーにします。")] = False,
    as_json: AsJson = False,
) -> None:
    """文書の中の引用をすべて確かめます。

    該当なし・旧法があれば終了コードは 2 です。ネットワークは使いません。
    """
    from homutune.law import Verdict, check_document, check_text

    store = _store()
    wrong = {Verdict.MISSING, Verdict.OUTDATED} | ({Verdict.UNSURE} if strict else set())
    results = {
        name: check_text(sys.stdin.read(), store)
        if name == "-"
        else check_document(Path(name), store)
        for name in files
    }
    if as_json:
        print_json(_law_view.verified_rows(results, problems=problems))
    else:
        for name, located in results.items():
            _law_view.print_verified(name, located, problems=problems)
    if any(one.finding.verdict in wrong for located in results.values() for one in located):
        raise typer.Exit(2)


@app.command(
    "import",
    epilog="\n".join(
        (
            _EXAMPLES,
            "  homutune law import 129AC0000000089.xml",
            "  homutune law import 法令.zip --as-of 2026-11-01",
        )
    ),
)
def import_(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="法令標準XML、その ZIP かフォルダー。")
    ],
    as_of: Annotated[
        str,
        typer.Option(
            metavar="YYYY-MM-DD",
            help="この日に現行だったと確認できる条文なら、その日付。判定に使われます。",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """ダウンロードした法令標準XMLを取り込みます。

    e-Gov法令検索の XML、ZIP、それらのフォルダーを読みます。ネットワークは使いません。
    """
    from homutune.law import read_laws

    if as_of:
        _check_date(as_of)
    store, rows = _store(), []
    for path in paths:
        for law in read_laws(path, as_of=as_of):
            if not _newest(store, law):
                continue
            rows.append(_keep(store, law))
            if not as_json:
                tell(_law_view.stored_line(rows[-1]))
    if as_json:
        print_json(rows)
    else:
        tell(f"{len(rows)} 件の法令を取り込みました。")


@app.command(
    epilog="\n".join(
        (
            _EXAMPLES,
            "  homutune law update 民法 取適法  最新の条文を取得する",
            "  homutune law update              取得済みの法令をすべて更新する",
        )
    )
)
def update(
    laws: Annotated[
        list[str] | None,
        typer.Argument(metavar="LAW...", help="法令名（略称でも可）。省くと取得済みのすべて。"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """e-Gov法令検索から最新の条文を取得します。

    ネットワークを使うのはこのコマンドだけで、送るのは法令IDだけです。
    """
    from homutune.law.egov import EGovClient
    from homutune.settings import load_settings

    store = _store()
    law_ids = list(dict.fromkeys(_law(name).law_id for name in laws)) if laws else store.law_ids()
    if not law_ids:
        raise UserError(
            "取得済みの法令がありません。",
            remedy="homutune law update 民法 会社法 のように、法令名を付けて実行してください。",
        )
    client = EGovClient(load_settings().law_api_url)
    rows = []
    for law_id in law_ids:
        rows.append(_keep(store, client.fetch(law_id)))
        if not as_json:
            tell(_law_view.stored_line(rows[-1]))
    if as_json:
        print_json(rows)


def _store() -> LawStore:
    from homutune.law import LawStore
    from homutune.settings import load_settings

    return LawStore(load_settings().home)


def _keep(store: LawStore, law: LawText) -> dict[str, object]:
    """Store a text; tell what it changes against the one stored before."""
    from homutune.law import compare

    before = store.get(law.law_id)
    store.put(law)
    return _law_view.stored_row(law, compare(before, law) if before else None)


def _newest(store: LawStore, law: LawText) -> bool:
    """Whether a file holds a version in force that is not older than the stored one."""
    from datetime import date

    before = store.get(law.law_id)
    if law.in_force_since > date.today().isoformat():
        reason = f"まだ施行されていない版（{law.in_force_since}）"
    elif before and before.in_force_since > law.in_force_since:
        reason = f"取り込み済みの版（{before.in_force_since} 施行）より古い版"
    else:
        return True
    note(f"{law.title}：{reason}のため取り込みません。")
    return False


def _law(name: str) -> Law:
    """The law in force of that name.

    Raises:
        UserError: there is none; names that look alike are offered.
    """
    from homutune.law import law_index, law_names

    names = law_names()
    short = names.short(name.strip()) or name.strip()
    if change := names.changes.get(short):
        note(f"{short}は現在「{change.now}」です。")
        short = change.now
    laws = [law for law in names.laws(short) if law.in_force]
    if laws:
        return laws[0]
    near = difflib.get_close_matches(name, names.known_names(name), n=3, cutoff=0.5)
    index = law_index()
    raise UserError(
        f"「{name[:60]}」は索引（{index.date} 時点の現行法令 {len(index):,} 件）にありません。",
        remedy=f"もしかして: {'、'.join(near)}"
        if near
        else "「民法415条」のように、法令名（略称でも可）と条番号を指定してください。",
    )


def _check_date(text: str) -> None:
    from datetime import date

    try:
        date.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"日付「{text[:20]}」が正しくありません。",
            remedy="2026-11-01 のように指定してください。",
        ) from None
