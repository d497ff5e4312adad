"""``homutune playbook``: the team's own templates, and what playbooks there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homutune.cli._console import print_json, tell
from homutune.cli._options import AsJson

_EXAMPLES = "使い方の例:"

app = typer.Typer(
    help="プレイブックの一覧と、自社のひな形の取り込み。",
    epilog="\n".join(
        (
            _EXAMPLES,
            "  homutune playbook import 業務委託ひな形.docx --name 業務委託",
            "  homutune review 契約書.docx --template 業務委託",
            "  homutune playbook list",
        )
    ),
    no_args_is_help=True,
    add_completion=False,
)


@app.command(
    "import",
    epilog="\n".join((_EXAMPLES, "  homutune playbook import 秘密保持ひな形.docx --name NDA")),
)
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="ひな形（docx・pdf・txt・md・html）。")
    ],
    name: Annotated[
        str | None, typer.Option(metavar="<名前>", help="呼び名。省くとファイル名。")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """自社のひな形を取り込み、homutune review --template で比べられるようにします。

    同じ名前で取り込み直すと、前の版も残ります。
    """
    from homutune.assistant import read_document, read_template, save_template
    from homutune.settings import load_settings

    template = read_template(read_document(file), name)
    path = save_template(load_settings().home, template)
    if as_json:
        print_json({"path": str(path), "version": template.version, **template.model_dump()})
        return
    tell(f"ひな形「{template.template}」を取り込みました（{len(template.clauses)} 条）: {path}")
    tell("確認優先度（priority: 高・中・低）は、このファイルで条ごとに変えられます。")
    tell(f"比べるには: homutune review 契約書.docx --template {template.template}")


@app.command(
    "list",
    epilog="\n".join((_EXAMPLES, "  homutune playbook list", "  homutune playbook list --json")),
)
def list_(as_json: AsJson = False) -> None:
    """使えるプレイブックと、取り込んだひな形を並べます。"""
    from homutune.assistant import list_templates, load_playbooks
    from homutune.settings import load_settings

    books, templates = load_playbooks(), list_templates(load_settings().home)
    if as_json:
        print_json(
            {
                "playbooks": [
                    {"type": b.type, "title": b.title, "version": b.version} for b in books.values()
                ],
                "templates": [{"name": t.template, "version": t.version} for t in templates],
            }
        )
        return
    for book in books.values():
        sides = "・".join(side.name for side in book.sides)
        tell(f"{book.type}　{book.title}（立場: {sides}、ルール {len(book.rules)}）{book.version}")
    for template in templates:
        tell(f"ひな形「{template.template}」（{len(template.clauses)} 条）{template.version}")
