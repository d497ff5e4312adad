"""設定・利用量と費用: what was asked, trained and measured, by month and model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from homutune.client import Call, CallLog
from homutune.prompting import PLANS
from web.sites import Site, Visitor, add_users

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]


def log(home: Path, at: str, model: str, jpy: float | None, outcome: str = "ok") -> None:
    CallLog(home).add(Call(at, model, model, "s", outcome, 200, 1000, 200, jpy, 1.0, 1))


def test_what_was_used_is_added_up_by_month_and_model_and_held_against_the_budget(
    start: Start, visit: Visit
) -> None:
    site = start(monthly_budget_jpy=1000)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    log(site.home, now, "gpt-4.1-mini", 300.0)
    log(site.home, now, "gpt-4.1-mini", 100.5)
    log(site.home, now, "gemma3-270m", 0.0, "TimedOut")
    log(site.home, "2025-01-31T23:59:59+00:00", "謎のモデル", None)
    # As the registry keeps a model that was tuned at OpenAI: a million tokens of training.
    entry = {
        "model": "ft:gpt-4.1-mini-2025-04-14:team::abc",
        "job_id": "ftjob-1",
        "base": "gpt-4.1-mini-2025-04-14",
        "base_url": "https://api.openai.com/v1",
        "created_at": 1_735_000_000,
        "trained_tokens": 1_000_000,
    }
    silent = {**entry, "model": "ft:silent", "job_id": "ftjob-2", "trained_tokens": None}
    (site.home / "registry.json").write_text(
        json.dumps({"version": 1, "uploads": [], "models": [entry, silent]}), "utf-8"
    )
    page = visit(site).get("/settings/usage").text
    facts = page.split("</dl>")[0].split("<dl")[-1]
    assert "400 円" in facts and "1,000 円" in facts and "600 円" in facts
    assert "3,600" in facts, "tokens of the three questions of this month"
    rows = [row.split("</tr>")[0] for row in page.split("<tbody>", 1)[1].split("<tr>")[1:]]
    assert any("謎のモデル" in row and "料金不明" in row for row in rows)
    assert any("gemma3-270m" in row and "0 円" in row for row in rows)
    trained = next(row for row in rows if "ft:gpt-4.1-mini" in row)
    assert "2024-12" in trained and "775 円" in trained, "5 USD a million tokens at 155 yen"
    untold = next(row for row in rows if "ft:silent" in row)
    assert "料金不明" in untold and ">―<" in untold, "no count is not a count of 0"
    assert "以上</td>" not in page and "料金の分からない分を除く" not in facts


def test_a_sum_that_leaves_out_calls_without_a_price_says_so(start: Start, visit: Visit) -> None:
    site = start()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    log(site.home, now, "gpt-4.1-mini", 300.0)
    log(site.home, now, "gpt-4.1-mini", None)
    page = visit(site).get("/settings/usage").text
    assert "300 円以上</td>" in page and "料金の分からない分を除く" in page.split("</dl>")[0]


def test_an_evaluation_counts_all_it_asked_and_all_that_brought_nothing(
    start: Start, visit: Visit
) -> None:
    site = start()
    plan = asdict(PLANS["plain"])
    config = {"id": "run-1", "dataset": "ds-1", "model": "tiny", "condition": "plain"}
    config |= {"plan": plan, "case": "gold", "limit": None, "n": 10, "seed": 42, "generations": 3}
    config |= {"prompts_hash": "", "base_url": "http://127.0.0.1:1/v1", "homutune": "0"}
    config |= {"created_at": "2026-01-02T00:00:00+00:00"}
    summary = {"n_items": 8, "missing": 2, "tokens": [1000, 200], "cost_usd": None}
    folder = site.home / "runs" / "run-1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(config), "utf-8")
    (folder / "scores.json").write_text(json.dumps({"summary": summary}), "utf-8")
    page = visit(site).get("/settings/usage").text
    row = page.split('<td class="nowrap">評価</td>')[1].split("</tr>")[0]
    numbers = re.findall(r'<td class="number">([^<]*)</td>', row)
    assert numbers[:2] == ["30", "6"], "10 questions of which 8 were answered, three times each"


def test_only_a_manager_sees_what_everybody_used(start: Start, visit: Visit) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 山田="法務", 長="管理者")
    one, chief, nobody = visit(site), visit(site), visit(site)
    one.sign_in("山田")
    chief.sign_in("長")
    assert one.get("/settings/usage").status_code == 403
    assert "利用量と費用" not in one.get("/settings").text
    assert "まだ記録がありません" in chief.get("/settings/usage").text
    assert nobody.get("/settings/usage").url.path == "/login"
