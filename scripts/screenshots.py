"""Pictures of the pages for the manual, taken from the running application.

    make screenshots        # or: .venv/bin/python scripts/screenshots.py [HOME [home data …]]

HOME is one that ``make demo`` has filled. The server runs on a copy of it in a temporary folder
(base models are linked, not copied), so that nothing is changed and no matter of anybody is shown;
what is seen was trained, measured and answered there. Writes docs/images/*.png, of
all groups of pages or of those that are named.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docx
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from homutune.server import MatterRow, open_store
from homutune.settings import Settings, load_settings

IMAGES = Path(__file__).parents[1] / "docs" / "images"
PORT = 8479
SIZE = {"width": 1200, "height": 820}
#: A page of text needs no more; the file is a third as large.
COLOURS = 64
#: An answer of the model on a slow machine, with what it was told to read.
WITHIN_MS = 300_000
QUESTION = "届いた商品が注文と違う品質でした。買主は、いつまでに検査して通知すればよいですか。"
CONTRACT = (
    "業務委託契約書",
    "株式会社青葉（以下「甲」という。）と株式会社若葉（以下「乙」という。）は、次のとおり契約する。",
    "第1条（目的）",
    "甲は、乙に対し、社内システムの保守業務（以下「本業務」という。）を委託し、乙はこれを受託する。",
    "第2条（委託料）",
    "甲は、乙に対し、本業務の委託料として月額金300,000円を、翌々月末日までに支払う。",
    "第3条（再委託）",
    "乙は、本業務の全部または一部を、第三者に再委託することができる。",
    "第4条（損害賠償）",
    "乙は、本契約に違反したときは、甲に生じた一切の損害を賠償する。",
    "第5条（有効期間）",
    "本契約の有効期間は、2027年4月1日から2028年3月31日までとする。",
)


def main() -> int:
    """Take all pictures; the exit status is 1 where something needed is missing."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else load_settings().home
    only = sys.argv[2:]
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None or not (source / "registry.json").is_file():
        print("エラー: Chromium と、make demo を済ませた HOMUTUNE_HOME が必要です。")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        copy(source, Path(folder) / "home")
        path = write_contract(Path(folder) / "業務委託契約書.docx")
        with server(Path(folder) / "home") as url:
            made = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            page = made.new_context(locale="ja-JP", viewport=SIZE, base_url=url).new_page()
            page.set_default_timeout(WITHIN_MS)
            expect.set_options(timeout=WITHIN_MS)
            for group in GROUPS:
                if not only or group.__name__ in only:
                    group(page, path)
            made.close()
    total = sum(path.stat().st_size for path in IMAGES.glob("*.png"))
    print(f"{IMAGES}: {len(list(IMAGES.glob('*.png')))} 枚、{total / 1000:.0f} kB")
    return 0


def copy(source: Path, home: Path) -> None:
    """The home without anybody's matters and conversations; base models are only linked."""
    home.mkdir()
    for name in ("bases", "results"):
        if (source / name).is_dir():
            (home / name).symlink_to((source / name).resolve())
    # A starting server tidies up jobs and files and goes on with what is unfinished: those of
    # another one are not for it.
    for name in ("datasets", "runs", "jobs", "files", "adapters", "cache"):
        if (source / name).is_dir():
            shutil.copytree(source / name, home / name)
    for name in ("home.id", "registry.json", "homutune.db", "speed.json"):
        if (source / name).is_file():
            shutil.copy(source / name, home / name)
    with open_store(Settings(home=home, database_url=None)) as store:
        for row in store.page(MatterRow, limit=100_000, where=[])[0]:
            store.delete(MatterRow, row.id)


def write_contract(path: Path) -> Path:
    """A short contract with something to find in it."""
    document = docx.Document()
    for line in CONTRACT:
        document.add_paragraph(line)
    document.save(str(path))
    return path


@contextmanager
def server(home: Path) -> Iterator[str]:
    """``homutune serve`` on the copy."""
    command = [sys.executable, "-m", "homutune.cli", "serve", "--port", str(PORT)]
    env = {
        **os.environ,
        "HOMUTUNE_HOME": str(home),
        # Whatever the settings name: here nobody's database is opened and nothing is sent on.
        "HOMUTUNE_DATABASE_URL": "",
        "HOMUTUNE_UPSTREAMS": "[]",
        "HOMUTUNE_MONTHLY_BUDGET_JPY": "3000",
        "HOMUTUNE_BASE_URL": f"http://127.0.0.1:{PORT}/v1",
    }
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    assert running.stderr is not None
    for line in running.stderr:
        if "終了するには" in line:
            break
    else:
        raise SystemExit(f"エラー: サーバーを起動できません（ポート {PORT}）。")
    drain = subprocess.Popen(["cat"], stdin=running.stderr, stdout=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{PORT}"
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)
        drain.wait(10)


def home(page: Page, path: Path) -> None:
    """ホーム."""
    page.goto("/")
    expect(page.get_by_role("heading", name="最新のモデル")).to_be_visible()
    page.wait_for_load_state("networkidle")
    take(page, "home")


def data(page: Page, path: Path) -> None:
    """データ: the bundled questions, their check, one of them in the form, and what is learned."""
    page.goto("/data")
    take(page, "data")
    press(page, "同梱の見本データで試す")
    take(page, "data-check")
    page.get_by_role("link", name="質問と回答の一覧").click()
    page.get_by_role("link", name="1 件目を編集する", exact=True).click()
    take(page, "data-edit")
    page.goto("/data")
    page.locator("a[href^='/data/datasets/']").first.click()
    page.get_by_role("link", name="学習の準備").click()
    take(page, "data-lines")


def training(page: Page, path: Path) -> None:
    """学習: the form, and the job of the demo."""
    page.goto("/training")
    take(page, "training")
    page.locator("a[href^='/training/ftjob-']").first.click()
    expect(page.get_by_text("学習が終わりました")).to_be_visible()
    take(page, "training-job")


def evaluation(page: Page, path: Path) -> None:
    """評価: before and after, and the answers to be rated."""
    page.goto("/evaluation")
    take(page, "evaluation")
    page.locator("a[href^='/evaluation/compare']").first.click()
    expect(page.locator(".plot svg").first).to_be_visible()
    take(page, "evaluation-compare")
    press(page, "人による採点を始める")
    take(page, "evaluation-rate")


def review(page: Page, path: Path) -> None:
    """契約書レビュー: type and side, findings, the tracked changes of three."""
    page.goto("/review")
    page.set_input_files("input[type=file]", path)
    press(page, "読み込む")
    page.get_by_label("委託者").first.check()
    page.get_by_label("すでに争いはありません").check()
    take(page, "review-setup")
    press(page, "比べる")
    take(page, "review")
    cards = page.locator(".cards > .card")
    for number in range(3):
        cards.nth(number).get_by_role("button", name="採用").click()
        expect(page.locator("#done")).to_contain_text(f"判断済み {number + 1} ")
    page.get_by_role("link", name="変更履歴を確かめる").click()
    take(page, "review-redline")


def risk(page: Page, path: Path) -> None:
    """リスク分析: the register of the contract."""
    page.goto("/risk")
    page.set_input_files("input[type=file] >> nth=0", path)
    press(page, "契約書を読み込む")
    page.get_by_label("委託者").first.check()
    page.get_by_label("すでに争いはありません").check()
    press(page, "登録簿を作る")
    take(page, "risk")


def drafting(page: Page, path: Path) -> None:
    """文書作成: the templates."""
    page.goto("/drafting")
    take(page, "drafting")


def ask(page: Page, path: Path) -> None:
    """質問・相談: what the model of the demo says."""
    page.goto("/ask")
    page.get_by_label("質問", exact=True).fill(QUESTION)
    page.get_by_role("button", name="質問する").click()
    expect(page.locator(".turn.answer .hint, .turn.answer small").first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=3 * WITHIN_MS)
    take(page, "ask")


def usage(page: Page, path: Path) -> None:
    """利用量と費用: what the demo, and the question before, used."""
    page.goto("/settings/usage")
    take(page, "settings-usage")


#: In the order in which a user would come to them.
GROUPS = (home, data, training, evaluation, review, risk, drafting, ask, usage)


def press(page: Page, name: str) -> None:
    """Click a button and wait for the page that follows."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def take(page: Page, name: str) -> None:
    """Write the picture of what is seen, with a small palette."""
    page.evaluate("window.scrollTo(0, 0)")
    page.mouse.move(0, 0)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    small = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(IMAGES / f"{name}.png", optimize=True)
    print(name, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
