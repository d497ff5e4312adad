"""``homutune data check`` and ``data leaks``: what is wrong with a set, and between two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from homutune.cli import _data_check_view as view
from homutune.cli._console import note, print_json, tell
from homutune.cli._data_load import EXAMPLES, CardsPath
from homutune.cli._data_meaning import Meaning, meaning_embed
from homutune.cli._data_source import (
    Clients,
    Source,
    Target,
    open_source,
    read_clients,
)
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homutune.data import Change, CheckReport, Embed, Example, TopicPlan

CHECK_EPILOG = "\n".join(
    (
        EXAMPLES,
        "  homutune data check                              同梱のコーパスを検査する",
        "  homutune data check qa.csv --report 検査.html    報告書（HTML）も書く",
        "  homutune data check qa.jsonl --fix               安全に直せる所を直した版を作る",
        "  homutune data check qa.jsonl --fail-on warning   警告でも終了コードを 2 にする",
        "  homutune data check qa.jsonl --meaning           言い換えた質問も探す",
        "  homutune data check qa.jsonl --json",
    )
)
LEAKS_EPILOG = "\n".join(
    (
        EXAMPLES,
        "  homutune data leaks                              最新のデータセットの学習用と検証用",
        "  homutune data leaks train.jsonl --against test.jsonl",
        "  homutune data leaks --meaning                    言い換えた質問も探す",
    )
)
ADVISE_EPILOG = "\n".join(
    (
        EXAMPLES,
        "  homutune data advise                             data/ か同梱のコーパス",
        "  homutune data advise qa.csv --json",
    )
)
FailOn = Literal["error", "warning", "never"]


def check(
    target: Target = None,
    cards: CardsPath = None,
    report_path: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="報告書を書きます（.html か .json）。"),
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="安全に直せる所を直し、新しい版を作ります。")
    ] = False,
    out_path: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="直した版の JSONL。省くと <元の名前>.fixed.jsonl。"
        ),
    ] = None,
    clients: Clients = None,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="論点の計画（YAML。分野: {論点: 件数}）。"),
    ] = None,
    fail_on: Annotated[
        FailOn,
        typer.Option(metavar="error|warning|never", help="何があれば終了コードを 2 にするか。"),
    ] = "error",
    meaning: Meaning = False,
    as_json: AsJson = False,
) -> None:
    """Q&A を検査します。エラーがあれば終了コードは 2 です（元のファイルは変えません）。"""
    source = open_source(target, cards)
    names, topics = read_clients(clients), _read_plan(plan)
    if report_path is not None and report_path.suffix.lower() not in (".html", ".json"):
        raise UserError(
            f"報告書の拡張子「{report_path.suffix}」は使えません。",
            remedy=".html か .json にしてください。",
        )
    report = _check(source, names, topics, meaning_embed(meaning))
    if report_path is not None:
        _write_report(report_path, source, report)
    result: dict[str, Any] = {"path": source.name, **report.to_dict()}
    if not as_json:
        view.print_report(source.name, report)
        if report_path is not None:
            tell(f"報告書: {report_path}")
    if fix:
        changes, place, report = _fix(source, out_path, names, topics)
        result["fixed"] = {
            "to": place,
            "changes": [view.change_dict(change) for change in changes],
            **report.summary,
        }
        if not as_json:
            view.print_changes(changes, place, report)
    if as_json:
        print_json(result)
    bad = report.summary["errors"] + (fail_on == "warning") * report.summary["warnings"]
    if bad and fail_on != "never":
        raise typer.Exit(2)


def leaks(
    target: Target = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="PATH|DATASET", help="比べる相手。省くと学習用と検証用を比べます。"),
    ] = None,
    meaning: Meaning = False,
    as_json: AsJson = False,
) -> None:
    """学習用と検証用（または二つのデータ）に、同じ質問や似た質問がないことを確かめます。"""
    from homutune.data import prove_separation

    embed = meaning_embed(meaning)
    source = open_source(target if target or against else "latest")
    if against is not None:
        other = open_source(against)
        names = source.name, other.name
        left, right = list(source.examples()), list(other.examples())
    elif source.dataset is not None:
        names = "学習用", "検証用"
        left, right = source.dataset.train, source.dataset.valid
    else:
        raise UserError(
            "比べる相手がありません。",
            remedy="--against で相手を指定するか、データセット名を指定してください。",
        )
    proof = prove_separation(left, right, same_set=against is None, embed=embed)
    if as_json:
        print_json({"left": names[0], "right": names[1], **proof.to_dict()})
    else:
        view.print_proof(proof, names)
    if not proof.ok:
        raise typer.Exit(2)


def advise(target: Target = None, cards: CardsPath = None, as_json: AsJson = False) -> None:
    """学習が向くか、検索が向くかを、データの中身から助言します。"""
    from homutune.data import advise as advice_of

    source = open_source(target, cards)
    advice = advice_of(_check(source, (), None))
    if as_json:
        print_json({"path": source.name, **advice.to_dict()})
        return
    tell(advice.headline, "bold")
    for reason in advice.reasons:
        tell(f"・{reason}")


def _check(
    source: Source, names: tuple[str, ...], plan: TopicPlan | None, embed: Embed | None = None
) -> CheckReport:
    return _checked(source.examples(), source, names, plan, embed)


def _checked(
    examples: Iterable[Example],
    source: Source,
    names: tuple[str, ...],
    plan: TopicPlan | None,
    embed: Embed | None = None,
) -> CheckReport:
    from homutune.data import check_examples
    from homutune.law import LawStore, Provisions, check_citation
    from homutune.settings import load_settings

    return check_examples(
        examples,
        source.cards,
        clients=names,
        plan=plan,
        verdict=check_citation,
        statutes=Provisions(LawStore(load_settings().home)),
        embed=embed,
    )


def _write_report(path: Path, source: Source, report: CheckReport) -> None:
    import json

    from homutune.data import quote_questions, write_atomic, write_check_page

    if path.suffix.lower() == ".json":
        content = {"path": source.name, **report.to_dict()}
        write_atomic(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")
        return
    questions = quote_questions(report, source.examples())
    write_check_page(path, report, name=source.name, questions=questions)


def _fix(
    source: Source, out_path: Path | None, names: tuple[str, ...], plan: TopicPlan | None
) -> tuple[list[Change], str, CheckReport]:
    """Write the repaired version; its changes, its place, and what the checks say of it."""
    from homutune.data import Fixer, example_line, write_atomic

    fixer = Fixer()
    fixed = list(fixer.fix(source.examples()))
    report = _checked(fixed, source, names, plan)
    if not fixer.changes:
        return [], source.name, report
    if source.dataset is not None and out_path is None:
        return fixer.changes, _new_version(source, fixed, report), report
    path = out_path or _beside(source)
    if path.exists():
        raise UserError(
            "直した版の書き込み先に、もうファイルがあります。何も変更していません。",
            remedy="--out で別の名前を指定するか、そのファイルを移してください。",
            file=path,
        )
    write_atomic(path, "".join(map(example_line, fixed)))
    return fixer.changes, str(path), report


def _beside(source: Source) -> Path:
    from homutune.data import corpus_path

    if source.path is None or source.path.absolute() == corpus_path().absolute():
        return Path("corpus.fixed.jsonl")
    return source.path.with_name(f"{source.path.stem}.fixed.jsonl")


def _new_version(source: Source, fixed: list[Example], report: CheckReport) -> str:
    """A dataset version with the old one as its parent and the same sides."""
    from dataclasses import replace

    from homutune.data import create_dataset
    from homutune.settings import load_settings

    old = source.dataset
    assert old is not None
    kept = {example.meta.id for example in fixed}
    split = replace(
        old.split,
        train=tuple(i for i in old.split.train if i in kept),
        valid=tuple(i for i in old.split.valid if i in kept),
    )
    new = create_dataset(
        load_settings().home,
        fixed,
        old.cards,
        split,
        sources=old.manifest.sources,
        checks=report.summary,
        parents=[old.name],
    )
    note(f"{old.name} から {new.name} を作りました。")
    return new.name


def _read_plan(path: Path | None) -> dict[str, dict[str, int]] | None:
    """``分野: {論点: 件数}`` from YAML."""
    if path is None:
        return None
    from homutune.data import read_yaml

    content = read_yaml(path, "論点の計画")
    try:
        return {
            str(field): {str(topic): int(wanted) for topic, wanted in topics.items()}
            for field, topics in content.items()
        }
    except (AttributeError, TypeError, ValueError):
        raise UserError(
            "論点の計画を読めません。",
            remedy="「売買: {検査: 3, 解除: 2}」のように、分野・論点・件数を書いてください。",
            file=path,
        ) from None
