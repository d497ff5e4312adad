"""Steps of a first visit that have pages of their own: editing, what is learned, rating, costs."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from web.browser import Watched


def edit_an_imported_pair(seen: Watched) -> None:
    """From the list of an import: checked, kept, and taken back."""
    page = seen.page
    page.get_by_role("link", name="編集する").first.click()
    seen.check_access()
    page.get_by_label("回答", exact=True).fill("結論：直した回答です。")
    seen.press("保存せずに検査する")
    expect(page.get_by_text("まだ保存していません")).to_be_visible()
    seen.check_access()
    seen.press("保存する")
    expect(page.locator("article", has_text="直した回答です")).to_have_count(1)
    page.get_by_role("main").get_by_role("link", name="相談.csv").click()
    seen.press("直前の変更を元に戻す")
    page.get_by_role("link", name="質問と回答の一覧").click()
    expect(page.locator("article").first).to_be_visible()
    expect(page.locator("article", has_text="直した回答です")).to_have_count(0)
    page.get_by_role("main").get_by_role("link", name="相談.csv").click()


def add_a_pair_to_a_version(seen: Watched) -> None:
    """From the page of a version: a new one, which names the older."""
    page = seen.page
    older = page.locator("h1 .mono").inner_text()
    page.get_by_role("link", name="質問と回答を直す").click()
    page.get_by_role("link", name="質問と回答を追加する").click()
    page.get_by_label("質問", exact=True).fill("検収の期間は何日ですか")
    page.get_by_label("回答", exact=True).fill("結論：契約書の検収条項を確認します。")
    seen.check_access()
    seen.press("保存して新しい版を作る")
    expect(page.get_by_role("heading", name="前の版との違い")).to_be_visible()
    expect(page.locator("article", has_text="検収の期間")).to_have_count(1)
    seen.check_access()
    page.get_by_role("main").get_by_role("link", name=re.compile("^ds-")).first.click()
    expect(page.get_by_text(f"前の版：{older}")).to_be_visible()


def see_what_is_learned(seen: Watched) -> None:
    """From the page of a version: its lines with the answer marked, cost and split; and back."""
    page = seen.page
    page.get_by_role("link", name="学習の準備").click()
    expect(page.locator("dd ins")).to_contain_text("結論")
    expect(page.get_by_role("cell", name="gpt-4.1-mini", exact=False).first).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("学習用 .*、検証用")).first).to_be_visible()
    seen.check_access()
    page.get_by_role("main").get_by_role("link", name=re.compile("^データセット ds-")).click()


def rate_two_answers(seen: Watched) -> None:
    """From a comparison: all marks by digits alone, to the end."""
    page = seen.page
    seen.press("人による採点を始める")
    seen.check_access()
    total = int(re.findall(r"/ (\d+) 問", page.locator("h1").inner_text())[0])
    for _ in range(total):
        page.locator("form.rate input[type=radio]").first.focus()
        for _ in range(page.locator("form.rate fieldset").count()):
            page.keyboard.press("4")
        expect(page.get_by_role("button", name="保存して次へ")).to_be_focused()
        with page.expect_navigation():
            page.keyboard.press("Enter")
    expect(page.get_by_text("すべて採点しました")).to_be_visible()
    expect(page.get_by_text("採点した人はまだ一人です")).to_be_visible()
    seen.check_access()


def see_what_was_used(seen: Watched) -> None:
    """The training, the evaluation and the question are on the page of costs."""
    page = seen.open("/settings/usage")
    for purpose in ("質問", "学習", "評価"):
        expect(page.get_by_role("cell", name=purpose, exact=True).first).to_be_visible()
    seen.check_access()
