"""Base against tuned, from runs on disk to the report."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import openai
import pytest

from evaluation.legal_models import Models, chat
from homutune.data import Dataset, Example
from homutune.errors import UserError
from homutune.evaluation import (
    CONDITIONS,
    Comparison,
    Training,
    check_gate,
    compare_runs,
    find_pairs,
    headline,
    read_loss_curves,
    run_condition,
    write_report,
)
from homutune.evaluation._views import largest_changes
from homutune.settings import Settings
from scripted import Reply, openai_error

METRICS = (
    "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
    "0,,,2.62,0.41\n1,2.50,0.44,,\n2,1.90,0.52,,\n3,1.10,0.70,0.88,0.76\n"
)


Evaluate = Callable[..., None]


@pytest.fixture
def evaluate(settings: Settings, client: openai.OpenAI, dataset: Dataset) -> Evaluate:
    """Measure a model under the conditions named, all by default."""

    def evaluate(model: str, *conditions: str, limit: int | None = None) -> None:
        for name in conditions or CONDITIONS:
            run_condition(settings, client, dataset, CONDITIONS[name], model=model, limit=limit)

    return evaluate


def compared(settings: Settings, dataset: Dataset) -> Comparison:
    pairs, absent = find_pairs(settings.home, dataset, base="base", tuned="tuned")
    return compare_runs(dataset, pairs, absent)


def reported(settings: Settings, dataset: Dataset, path: Path, curves: Path | None = None) -> str:
    pairs, absent = find_pairs(settings.home, dataset, base="base", tuned="tuned")
    write_report(
        path,
        compare_runs(dataset, pairs, absent),
        pairs,
        dataset,
        curves=read_loss_curves(curves) if curves else None,
        training=Training(dataset.name, (("n_epochs", "3"),)),
    )
    return path.read_text("utf-8")


def test_the_better_model_is_found_better(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models
) -> None:
    evaluate("base")
    evaluate("tuned")
    comparison = compared(settings, dataset)
    primary = comparison.primary
    assert primary is not None
    assert (primary.base_mean, primary.tuned_mean) == (0.0, 1.0)
    assert (primary.n_items, primary.n_groups, primary.wins) == (12, 6, 12)
    # Six groups, all the same sign: 2 of 64 patterns, times four criteria (Holm).
    assert primary.p == pytest.approx(2 / 64)
    assert primary.p_holm == pytest.approx(4 * 2 / 64)
    assert "差があるとは言えません" in headline(comparison)
    flags = comparison.conditions["grounded"].flags
    assert (flags["right_card"].base_count, flags["right_card"].tuned_count) == (0, 12)
    assert comparison.conditions["withheld"].flags["abstained"].p < 0.001
    rivals = comparison.conditions["grounded"].rivals
    assert rivals is not None and rivals.retrieved == 12


def test_of_two_tuned_models_neither_is_called_untrained(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models, tmp_path: Path
) -> None:
    evaluate("base", "grounded")
    evaluate("tuned", "grounded")
    pairs, absent = find_pairs(settings.home, dataset, base="base", tuned="tuned")
    comparison = replace(compare_runs(dataset, pairs, absent), base="ft:a", tuned="ft:b")
    write_report(tmp_path / "report.html", comparison, pairs, dataset)
    html = (tmp_path / "report.html").read_text("utf-8")
    assert "<th>前のモデル</th><th>後のモデル</th>" in html
    assert "<th>学習前</th>" not in html


def test_a_model_against_itself_shows_no_difference(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models
) -> None:
    evaluate("tuned", "grounded")
    pairs, absent = find_pairs(settings.home, dataset, base="tuned", tuned="tuned")
    primary = compare_runs(dataset, pairs, absent).primary
    assert primary is not None
    assert (primary.difference, primary.p_holm, primary.ties) == (0.0, 1.0, 12)


def test_missing_answers_are_left_out_of_both_and_named(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models
) -> None:
    refusal = openai_error(400, "bad")
    models.hook = lambda model, item: (
        refusal if (model, item.meta.id) == ("base", "kaiko-0") else None
    )
    evaluate("base", "grounded")
    evaluate("tuned", "grounded")
    condition = compared(settings, dataset).conditions["grounded"]
    assert condition.unpaired == ("kaiko-0",)
    assert condition.criteria["correctness"].n_items == 11


def test_a_missing_run_is_named_with_the_command(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models
) -> None:
    evaluate("base", "grounded")
    with pytest.raises(UserError) as caught:
        compared(settings, dataset)
    assert f"homutune eval run --model tuned --dataset {dataset.name}" in str(caught.value)
    assert "--model base" not in str(caught.value)


def test_a_condition_measured_for_one_model_only_is_said_to_be_absent(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models
) -> None:
    evaluate("base", "grounded", "plain")
    evaluate("tuned", "grounded")
    comparison = compared(settings, dataset)
    assert list(comparison.conditions) == ["grounded"]
    assert "tuned" in comparison.absent["plain"]


def test_runs_asked_with_other_prompts_are_not_paired(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models
) -> None:
    for model, limit in (("base", 4), ("tuned", 5), ("tuned", 4)):
        evaluate(model, "grounded", limit=limit)
    assert compared(settings, dataset).conditions["grounded"].base.n_items == 4
    evaluate("base", "grounded")
    assert compared(settings, dataset).conditions["grounded"].base.n_items == 4


def test_slices_by_kind_field_and_case_add_up(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models
) -> None:
    hard = {"kaiko-0": "near_miss", "kaiko-1": "near_miss"}
    dataset = replace(
        dataset,
        examples=tuple(
            replace(item, meta=replace(item.meta, case=hard.get(item.meta.id)))
            for item in dataset.examples
        ),
    )
    # The tuned model fails exactly where a card only looks right.
    models.hook = lambda model, item: chat("わかりません。") if item.meta.id in hard else None
    for model in ("base", "tuned"):
        evaluate(model, "grounded")
    slices = compared(settings, dataset).conditions["grounded"].slices
    assert set(slices) == {"kind", "field", "case"}
    for parts in slices.values():
        assert sum(part.n_items for part in parts.values()) == 12
    near, usual = slices["case"]["紛らわしい資料がある"], slices["case"]["ふつうの質問"]
    assert near.means["correctness"] == (0.0, 0.0)
    assert near.flags["right_card"] == (0, 0, 2)
    assert usual.means["correctness"] == (0.0, 1.0)
    assert usual.intervals["correctness"] == pytest.approx((1.0, 1.0))
    assert near.intervals["correctness"] is None  # one group says nothing about spread


@dataclass(frozen=True)
class Change:
    id: str
    change: float | None


def test_ten_largest_gains_and_losses_stand_first() -> None:
    changes = [Change(f"{n}", n / 100) for n in range(-15, 16)] + [Change("none", None)]
    first, folded = largest_changes(changes)
    assert [view.change for view in first[:10]] == [n / 100 for n in range(15, 5, -1)]
    assert [view.change for view in first[10:]] == [n / 100 for n in range(-15, -5)]
    assert len(folded) == 12


class Page(HTMLParser):
    """Collects what a browser would fetch or run, and checks that tags close."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action") or name.startswith("on"):
                self.outside.append(f"{name}={value}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_whole_self_contained_and_says_the_numbers(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models, tmp_path: Path
) -> None:
    evaluate("base")
    evaluate("tuned")
    metrics = tmp_path / "metrics.csv"
    metrics.write_text(METRICS, "utf-8")
    html = reported(settings, dataset, tmp_path / "report.html", metrics)
    page = Page(html)
    assert page.open == [] and page.outside == []
    assert not {"script", "iframe", "link", "img", "object"} & set(page.tags)
    assert "http:" not in html and "https:" not in html and "url(" not in html
    for expected in (
        "0.00 → 1.00",
        "+1.00",
        "12/12",
        "0.125",  # Holm-corrected p
        "2.62",
        "2026-11-22",
        dataset.name,
        "測り方",
        "この比較で言えないこと",
        "人（弁護士など）による採点",
        "n_epochs",
    ):
        assert expected in html, expected
    assert "kaiko-0" in html and "30日前" in html
    pictures = re.findall(r"<svg.*?</svg>", html, re.S)
    assert len(pictures) == 12  # two conditions x (two, kind, field), three counts, one loss curve
    for picture in pictures:
        ElementTree.fromstring(picture)


def test_the_report_shows_contradictions_with_their_evidence_and_similarity_apart(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models, tmp_path: Path
) -> None:
    def wrong(model: str, item: Example) -> Reply | None:
        return chat(item.answer.replace("30日前", "60日前")) if model == "base" else None

    models.hook = wrong
    evaluate("base", "plain")
    evaluate("tuned", "plain")
    summary = compared(settings, dataset).conditions["plain"].base
    assert summary.differences == {"period": 2}  # the two questions about 30日前
    assert summary.similarity is not None and summary.similarity > 0.9
    html = reported(settings, dataset, tmp_path / "report.html")
    assert "食い違い（期間）：30日 → 60日" in html
    assert "学習前 2/12、学習後 0/12" in html
    assert "類似度は一語の違いで逆になる誤りを見分けられない" in html


def test_the_report_says_how_often_each_item_was_answered_and_how_much_that_varied(
    client: openai.OpenAI, settings: Settings, dataset: Dataset, models: Models, tmp_path: Path
) -> None:
    chosen = CONDITIONS["plain"]
    chosen = replace(chosen, plan=replace(chosen.plan, temperature=0.7))
    for model in ("base", "tuned"):
        run_condition(settings, client, dataset, chosen, model=model, generations=3)
    pairs, absent = find_pairs(settings.home, dataset, base="base", tuned="tuned")
    path = tmp_path / "report.html"
    write_report(path, compare_runs(dataset, pairs, absent), pairs, dataset)
    html = path.read_text("utf-8")
    assert "1問に3回ずつ" in html and "temperature 0.7" in html
    assert "入力 3,600、出力 1,800" in html


def test_hostile_answers_and_names_stay_text(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models, tmp_path: Path
) -> None:
    hostile = "結論：</p><script>alert(1)</script><img src=x onerror=alert(2)>\x00 {{ 7*7 }}"
    models.hook = lambda model, item: chat(hostile)
    evaluate("base", "grounded")
    evaluate("<b>tuned</b>", "grounded")
    pairs, absent = find_pairs(settings.home, dataset, base="base", tuned="<b>tuned</b>")
    path = tmp_path / "report.html"
    write_report(path, compare_runs(dataset, pairs, absent), pairs, dataset)
    html = path.read_text("utf-8")
    page = Page(html)
    assert page.outside == [] and not {"script", "img"} & set(page.tags)
    assert "&lt;script&gt;" in html and "{{ 7*7 }}" in html and "<b>tuned" not in html


def test_the_report_admits_when_the_training_data_is_unknown(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models, tmp_path: Path
) -> None:
    evaluate("base", "plain")
    evaluate("tuned", "plain")
    pairs, absent = find_pairs(settings.home, dataset, base="base", tuned="tuned")
    comparison = compare_runs(dataset, pairs, absent)
    path = tmp_path / "report.html"
    write_report(path, comparison, pairs, dataset)
    html = path.read_text("utf-8")
    assert "どのデータで学習したかの記録がありません" in html
    assert "まだ測っていません" in html  # the primary endpoint
    write_report(path, comparison, pairs, dataset, training=Training("ds-other"))
    assert "（ds-other）が手元にない" in path.read_text("utf-8")


def test_items_without_a_rubric_are_counted_among_what_was_not_measured(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models, tmp_path: Path
) -> None:
    def bare(item: Example) -> Example:
        return replace(item, meta=replace(item.meta, must=(), articles=()))

    evaluate("base", "grounded")
    evaluate("tuned", "grounded")
    none = replace(dataset, examples=tuple(bare(item) for item in dataset.examples))
    pairs, absent = find_pairs(settings.home, none, base="base", tuned="tuned")
    comparison = compare_runs(none, pairs, absent)
    assert comparison.primary is None
    assert set(comparison.conditions["grounded"].criteria) == {"relevance", "style", "expertise"}
    assert "要点（must）のない12問" in reported(settings, none, tmp_path / "report.html")
    with pytest.raises(UserError, match="合否を決める点数がありません"):
        check_gate(comparison, pairs)


def test_shared_cards_are_shown_as_a_warning(
    evaluate: Evaluate, settings: Settings, dataset: Dataset, models: Models, tmp_path: Path
) -> None:
    leaking = replace(
        dataset, split=replace(dataset.split, train=(*dataset.split.train, "kaiko-0"))
    )
    evaluate("base", "grounded")
    evaluate("tuned", "grounded")
    html = reported(settings, leaking, tmp_path / "report.html")
    assert "重なりがあります" in html


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "step,train_loss,valid_loss\nx,1,\n"])
def test_a_file_that_is_no_metrics_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(UserError, match="学習の記録"):
        read_loss_curves(path)


def test_loss_curves_skip_blanks_and_know_the_base(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(METRICS, "utf-8-sig")
    curves = read_loss_curves(path)
    assert curves.train == ((1, 2.5), (2, 1.9), (3, 1.1))
    assert curves.base_valid == 2.62
    assert curves.best == (3, 0.88)
