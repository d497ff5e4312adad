"""データ・学習の準備: what is learned, what it costs, how it is split; and minutes in the plan."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from homutune.data import open_dataset
from web.sites import Site, Visitor
from web.test_web_examples import HOSTILE
from web.test_web_pages import assert_nothing_runs

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]
TABLE = "質問,回答,種類\n" + "".join(
    f"検査は{i}日以内ですか{HOSTILE},結論：第{i}条です。{HOSTILE},{'契約' if i % 3 else '労務'}\n"
    for i in range(12)
)


def dataset(one: Visitor) -> str:
    made = one.post("/data/upload", files={"file": ("相談.csv", TABLE.encode())})
    columns = {"column-0": "question", "column-1": "answer", "column-2": "kind"}
    one.post(f"{made.url.path}/columns", columns)
    return one.post(f"{made.url.path}/dataset", {"valid_percent": "20", "seed": "42"}).url.path


def test_only_the_answer_is_marked_as_learned_and_nothing_in_it_runs(
    start: Start, visit: Visit
) -> None:
    site = start()
    one = visit(site)
    base = dataset(one)
    opened = open_dataset(site.home, base.rsplit("/", 1)[1])
    assert f"{base}/lines" in one.get(base).text
    page = one.get(f"{base}/lines?number=2")
    assert page.status_code == 200
    assert_nothing_runs(page.text)
    (learned,) = re.findall(r'<dd class="kept"><ins>(.*?)</ins></dd>', page.text, re.S)
    assert learned.startswith("結論：第") and "検査は" not in learned
    assert f"2 行目／{len(opened.train)} 行" in page.text
    last = one.get(f"{base}/lines?number=999")
    assert f"{len(opened.train)} 行目" in last.text
    assert one.get("/data/datasets/ds-nothing/lines").status_code == 400


def test_the_page_tells_tokens_cost_and_what_both_sides_share(start: Start, visit: Visit) -> None:
    site = start()
    one = visit(site)
    base = dataset(one)
    opened = open_dataset(site.home, base.rsplit("/", 1)[1])
    text = one.get(f"{base}/lines").text
    assert "gpt-4.1-mini" in text and "ドル（" in text
    shares = re.findall(r"：学習用 (\d+)、検証用 (\d+)", text)
    assert sum(int(n) for n, _ in shares) == len(opened.train)
    assert sum(int(n) for _, n in shares) == len(opened.valid)
    assert re.search(r"ほぼ同じ質問・回答.*?<dd[^>]*>\s*[1-9]", text, re.S), (
        "they differ by a digit"
    )
    near = text.split("どちらかを直すか除いてください")[1].split("</table>")[0]
    train = re.findall(rf'<tr><td class="mono"><a href="({base}/examples\?q=[^"]+)">', near)
    assert train, "each pair leads to the two that are to be changed"
    assert "（1 件）" in one.get(train[0]).text
    assert "1 ドル = 155 円" in text


def test_the_plan_tells_minutes_once_a_speed_was_measured(start: Start, visit: Visit) -> None:
    site = start()
    one = visit(site)
    name = dataset(one).rsplit("/", 1)[1]
    path = f"/training/plan?dataset={name}&recipe=plain&n_epochs=3"
    assert "分です（目安）" not in one.get(path).text
    speed = {"model": "tiny", "tokens_per_s": 0.5}
    (site.home / "speed.json").write_text(json.dumps(speed))
    (minutes,) = re.findall(r"およそ (\d+) 分です（目安）", one.get(path).text)
    assert int(minutes) > 1
    assert f"およそ {minutes} 分" in one.get(f"{path}&model=tiny").text
    assert "分です（目安）" not in one.get(f"{path}&model=another").text, "it was not measured"


def test_where_more_pairs_are_nearly_the_same_than_are_listed_the_page_says_so(
    start: Start, visit: Visit
) -> None:
    one = visit(start())
    rows = "".join(f"検査は{i}日以内ですか,結論：第{i}条です。\n" for i in range(300))
    made = one.post("/data/upload", files={"file": ("相談.csv", f"質問,回答\n{rows}".encode())})
    one.post(f"{made.url.path}/columns", {"column-0": "question", "column-1": "answer"})
    page = one.post(f"{made.url.path}/dataset", {"valid_percent": "40", "seed": "42"})
    text = one.get(f"{page.url.path}/lines").text
    assert "100 件以上" in text, page.text[:2000]
    assert re.search(r"1 / \d+ 行", text), "the pager counts lines"
