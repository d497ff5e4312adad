"""文書作成: forms from the templates, drafts with their checks, and Word files."""

from __future__ import annotations

import io
from collections.abc import Callable

import docx
import pytest

from homutune.assistant import load_templates
from web.sites import Site, Visitor
from web.test_web_pages import HOSTILE, assert_nothing_runs

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]


def answers(name: str, **changed: str) -> dict[str, str]:
    fields = load_templates()[name].fields
    given = {f"field-{field.name}": field.default or field.example for field in fields}
    return {**given, **changed}


def test_a_contract_is_drafted_checked_changed_and_saved(start: Start, visit: Visit) -> None:
    one = visit(start())
    assert "秘密保持契約書" in one.get("/drafting").text
    assert one.get("/drafting/new/nothing").status_code == 404
    form = one.get("/drafting/new/nda")
    assert 'type="date" id="field-signed"' in form.text and "例：株式会社みなと商事" in form.text
    wrong = answers("nda", **{"field-end": "2026-01-01", "field-kou": "", "field-years": "<b>"})
    refused = one.post("/drafting/new/nda", {**wrong, "side": "受領側"})
    assert refused.status_code == 400 and refused.text.count('aria-invalid="true"') == 2
    assert "「甲の名称」: 記入してください" in refused.text and "より前です" in refused.text
    assert 'value="&lt;b&gt;"' in refused.text, "what was filled in is still there"
    no_side = one.post("/drafting/new/nda", answers("nda"))
    assert no_side.status_code == 400 and "立場を指定してください" in no_side.text
    hostile = answers("nda", **{"field-otsu": f"株式会社{HOSTILE}", "option-kikan": "更新なし"})
    page = one.post("/drafting/new/nda", {**hostile, "side": "受領側"})
    base = page.url.path
    assert base.startswith("/drafting/m_"), page.text
    assert_nothing_runs(page.text)
    assert "更新なし" in page.text and "との差異：" in page.text
    edited = one.get(f"{base}/edit")
    assert_nothing_runs(edited.text)
    again = {**answers("nda", **{"field-otsu": "株式会社若葉"}), "side": "開示側"}
    assert "株式会社若葉" in one.post(f"{base}/edit", again).text
    word = docx.Document(io.BytesIO(one.get(f"{base}/draft.docx").content))
    text = "\n".join(paragraph.text for paragraph in word.paragraphs)
    assert text.startswith("秘密保持契約書") and "株式会社若葉" in text
    assert one.get(f"{base}/draft.txt").text.startswith("秘密保持契約書")


@pytest.mark.parametrize(("name", "shown"), [("saikoku", "内容証明の形式"), ("memo", "確認済み")])
def test_letters_and_memos_are_drafted(start: Start, visit: Visit, name: str, shown: str) -> None:
    one = visit(start())
    page = one.post(f"/drafting/new/{name}", answers(name))
    assert shown in page.text and page.url.path.startswith("/drafting/m_"), page.text
    assert one.get(f"{page.url.path}/draft.docx").content.startswith(b"PK")


def test_every_template_has_a_form_that_can_be_filled_in(start: Start, visit: Visit) -> None:
    one = visit(start())
    for name, template in load_templates().items():
        page = one.get(f"/drafting/new/{name}").text
        assert_nothing_runs(page)
        for field in template.fields:
            assert f'for="field-{field.name}"' in page
