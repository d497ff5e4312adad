"""The page about the experiment, written from what is stored: no number on it is typed by hand."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from homutune import __version__
from homutune.data import Dataset, open_dataset, prove_separation
from homutune.evaluation import (
    CASE_LABELS,
    CRITERIA,
    FLAGS,
    VERDICTS,
    ArmsComparison,
    Comparison,
    Contrast,
    PairedResult,
    Run,
    compare_arms,
    compare_runs,
    comparison_rows,
    find_arm,
    find_pairs,
    headline,
    interaction_sentence,
    interval_text,
    number,
    p_text,
    primary_detail,
    verdict,
)
from homutune.improvement import ERRORS, Loop, applied_version, open_loop, version_history
from homutune.settings import Settings

#: Held-out questions without a case are those that one card answers (corpus/README.md).
SINGLE = "資料1枚で答えられる"


#: How a block of the manual says why no test runs it.
SKIPPED = (
    'console skip="実物のモデルで数十分かかる。'
    '小さなモデルで tests/test_experiment.py が同じ手順を確かめている"'
)


@dataclass(frozen=True)
class Results:
    """Names of what was made, and what no run stores."""

    settings: Settings
    dataset: str
    held: str
    base: str
    tuned: str
    after: str
    retrieval: str
    n_written: int
    pairs: str


def page(r: Results) -> str:
    """The page as Markdown."""
    home = r.settings.home
    held = open_dataset(home, r.held)
    names = [(m, c) for m in (r.base, r.tuned) for c in ("plain", "grounded")]
    arms = compare_arms(held, [find_arm(home, held, model=m, condition=c) for m, c in names])
    models = _compare(r, held, r.base, r.tuned)
    loop = _compare(r, held, r.tuned, r.after)
    new = open_dataset(home, applied_version(open_loop(home)))
    valid = find_arm(home, new, model=r.after, condition="grounded")
    return (
        "\n\n".join(
            [
                *_head(r, held, new, arms),
                *_meaning(arms, models, loop),
                *_two_by_two(arms),
                *_cases(models),
                *_retrieval(r, models),
                *_round(r, open_loop(home), new, loop, valid),
                *_limits(r),
            ]
        )
        + "\n"
    )


def _compare(r: Results, held: Dataset, before: str, after: str) -> Comparison:
    return compare_runs(held, *find_pairs(r.settings.home, held, base=before, tuned=after))


def _head(r: Results, held: Dataset, new: Dataset, arms: ArmsComparison) -> list[str]:
    proof = prove_separation([*open_dataset(r.settings.home, r.dataset).train, *new.train],
                             held.valid)  # fmt: skip
    apart = (
        "学習用の組とは、カードもグループも質問も共有しません（`prove_separation` で確かめた結果、"
        f"共有 {len(proof.shared)} 件、ほぼ同じ文 {len(proof.near)} 件）。"
    )
    return [
        "# 実験：学習、プロンプト、改善の一巡",
        "このページは `scripts/experiment.py` が結果から書き出したものです。"
        "手で書いた数字はありません。",
        f"測定日 {date.today()}。{platform.system()} {platform.machine()}、"
        f"{os.cpu_count()} コア、Python {platform.python_version()}、homutune {__version__}。",
        f"- ベースモデル `{r.base}`、学習後 `{r.tuned}`（学習データ `{r.dataset}`）、"
        f"改善後 `{r.after}`（学習データ `{new.name}`）。\n"
        f"- 質問は `corpus/heldout` の評価専用の {len(held.valid)} 問（`{r.held}`）のうち "
        f"{len(arms.common)} 問。{apart}\n"
        "- 採点は規則による四つの観点（0〜1）です。区間と検定は、カードを共有する質問の"
        "グループを単位にしています。p は四つの観点についての Holm 補正後の値です。"
        "主要な項目は、見る前に決めた「資料つきの正確性」です。"
        "検定は、グループごとの差の符号反転（並べ替え）検定です。測り方の出どころは"
        "[演習2-2](exercises/2-2.md)にあります。",
        _command(
            "make demo                                   # 学習。済んでいれば省けます",
            ".venv/bin/python scripts/experiment.py      # 途中で止めても、同じコマンドで続きから",
        ),
    ]


def _meaning(arms: ArmsComparison, models: Comparison, loop: Comparison) -> list[str]:
    c = arms.contrasts
    cases = {
        _case(name): there.means["correctness"][1]
        for name, there in models.conditions["grounded"].slices.get("case", {}).items()
        if "correctness" in there.means
    }
    weak = ""
    if cases:
        name = min(cases, key=lambda name: cases[name])
        weak = f"学習後も資料つきで最も苦手な型：{name}（正確性 {number(cases[name])}）。"
    return [
        "## わかったこと",
        _bullets(
            (
                _expected("文体は学習で良くなる", "style", c["tuning_plain"], c["tuning_prompt"]),
                _expected(
                    "正確性は資料で良くなる", "correctness", c["prompt_base"], c["prompt_tuned"]
                ),
                f"学習と資料の組み合わせ：{interaction_sentence(arms)}",
                *([weak] if weak else []),
                f"改善の一巡：{_round_sentence(loop.primary)}",
            )
        ),
    ]


def _expected(claim: str, criterion: str, *contrasts: Contrast) -> str:
    """What was expected beforehand, and whether it is what came out."""
    found = [(c.label, c.criteria[criterion]) for c in contrasts if criterion in c.criteria]
    good = [verdict(result) == "better" for _, result in found]
    said = "予想どおりでした" if all(good) else "予想と違いました" if not any(good) else (
        "一方だけが予想どおりでした"
    )  # fmt: skip
    detail = "、".join(
        f"{label} {number(result.difference, sign=True)}"
        f"（95％信頼区間 {interval_text(result.t_interval)}、{VERDICTS[verdict(result)]}）"
        for label, result in found
    )
    return f"予想「{claim}」：{said}。{detail}。"


def _round_sentence(result: PairedResult | None) -> str:
    if result is None:
        return "資料つきの正確性を測れませんでした。"
    said = {
        "better": "資料つきの正確性が上がりました。",
        "worse": "資料つきの正確性が下がりました。",
        "unclear": "資料つきの正確性に、差があるとは言えませんでした。",
    }[verdict(result)]
    return f"{said}{primary_detail(result)}"


def _two_by_two(arms: ArmsComparison) -> list[str]:
    names = [f"{letter}：{label}" for letter, label in zip("ABCD", arms.labels, strict=True)]
    means = [
        (
            label,
            *(
                f"{number(e.mean)}（{interval_text(e.interval, sign=False)}）"
                if (e := arm.criteria.get(key))
                else "―"
                for arm in arms.arms
            ),
        )
        for key, label in CRITERIA.items()
    ]
    flags = [
        (
            label,
            *(f"{f.count}/{f.n}" if (f := arm.flags.get(key)) else "―" for arm in arms.arms),
        )
        for key, label in FLAGS.items()
        if any(key in arm.flags for arm in arms.arms)
    ]
    lengths = ("平均の文字数", *(f"{arm.characters:.0f}" for arm in arms.arms))
    contrasts = [
        (
            contrast.label,
            CRITERIA[key],
            number(result.difference, sign=True),
            interval_text(result.t_interval),
            p_text(result.p_holm),
            number(result.dz, sign=True),
            number(result.detectable),
            VERDICTS[verdict(result)],
        )
        for contrast in arms.contrasts.values()
        for key, result in contrast.criteria.items()
    ]
    return [
        "## 2×2（学習前・学習後 × 資料なし・資料つき）",
        _command(
            "homutune eval compare base@plain base@grounded 学習後@plain 学習後@grounded"
            f" --dataset {arms.dataset}"
        ),
        _bullets(names),
        "平均（95％信頼区間）：",
        _table(("観点", "A", "B", "C", "D"), [*means, *flags, lengths]),
        "差と、その確からしさ。「見える差」は、この件数で 80 ％の確率で見つけられる最小の差です。",
        _table(
            ("比べたこと", "観点", "差", "95％信頼区間", "p", "効果量 dz", "見える差", "判定"),
            contrasts,
        ),
    ]


def _cases(models: Comparison) -> list[str]:
    plain = models.conditions["plain"].slices.get("case", {})
    grounded = models.conditions["grounded"].slices.get("case", {})
    rows = []
    for name in dict.fromkeys(CASE_LABELS.values()):
        there = grounded.get(name)
        if there is None:
            continue
        without = plain.get(name)
        value = [
            *(without.means.get("correctness", (None, None)) if without else (None, None)),
            *there.means.get("correctness", (None, None)),
        ]
        rows.append(
            (
                _case(name),
                str(there.n_items),
                *(number(value[i]) for i in (0, 2, 1, 3)),
                _change(there.flags.get("right_card")),
                _change(there.flags.get("over_abstained")),
            )
        )
    withheld = models.conditions.get("withheld")
    none = withheld.flags.get("abstained") if withheld else None
    lines = [
        "## 問題の型ごと",
        _command(f"homutune eval compare base 学習後 --dataset {models.dataset}"),
        "正確性（A〜D は上の表と同じ）と、資料つきで正しい資料番号を示した数、不要に回答を"
        "控えた数（学習前 → 学習後／問）。件数が少ないため、型ごとの検定はしていません。",
        _table(("型", "問", "A", "B", "C", "D", "正しい資料番号", "不要に控えた"), rows),
    ]
    if none is not None:
        lines.append(
            f"**答えのない質問**（正しい資料を外した {none.n} 問）で正しく控えた数："
            f"学習前 {none.base_count}、学習後 {none.tuned_count}。"
        )
    return lines


def _case(name: str) -> str:
    """The type of question as a reader who knows no card sees it."""
    return SINGLE if name == CASE_LABELS[""] else name


def _change(counts: tuple[int, int, int] | None) -> str:
    return f"{counts[0]} → {counts[1]}／{counts[2]}" if counts else "―"


def _retrieval(r: Results, models: Comparison) -> list[str]:
    # The rest of what it prints is about thresholds, and stands in bench/RESULTS.md.
    recall = "\n\n".join(part for part in r.retrieval.split("\n\n") if "among the first" in part)
    rivals = models.conditions["grounded"].rivals
    shown = (
        f"この実験で資料を示した {rivals.n} 問のうち、正しい資料が含まれたのは "
        f"{rivals.retrieved} 問、"
        f"1 番目だけが正しいのは {rivals.always_first} 問でした（「いつも 1 番目を使う」だけの"
        "規則なら、この数になります）。"
        if rivals
        else ""
    )
    return [
        "## 検索だけの成績",
        "正しいカードがすべて上位 1・3・5・10 枚に入った割合です"
        "（training は学習用、validation は検証用、held-out が評価専用の質問）。",
        _command(".venv/bin/python bench/retrieval.py"),
        f"```text\n{recall}\n```",
        shown,
    ]


def _round(r: Results, loop: Loop, new: Dataset, held: Comparison, valid: Run) -> list[str]:
    home = r.settings.home
    weak = loop.weaknesses
    errors = [(ERRORS[name], str(len(ids))) for name, ids in weak.errors.items() if ids]
    work = [(item.id, item.what, str(item.count), item.reason) for item in loop.work]
    drafts = loop.drafts().values()
    written = sum(draft.id in loop.decisions() for draft in drafts)
    rows = [
        (row.condition, row.name, row.base, row.tuned, row.difference, row.interval, row.p,
         row.verdict_label)
        for row in comparison_rows(held)
    ]  # fmt: skip
    cases = held.conditions["grounded"].slices.get("case", {})
    by_case = [
        (
            _case(name),
            str(found.n_items),
            *(number(v) for v in found.means.get("correctness", (None, None))),
            _change(found.flags.get("right_card")),
        )
        for name, found in cases.items()
    ]
    versions = [
        (
            version.trained_on,
            str(version.n_train or ""),
            f"`{version.model}`",
            *(
                number(version.criteria[key].mean) if key in version.criteria else "―"
                for key in CRITERIA
            ),
        )
        for version in version_history(home, valid, r.settings.base_url)
    ]
    return [
        "## 改善の一巡",
        f"弱い所は、評価専用の質問ではなく、検証用の {weak.n_items} 問で調べました"
        f"（そのうち {len(weak.failed)} 問を落とした）。",
        _command(
            "homutune improve plan",
            "homutune improve add bench/" + r.pairs + " --by 名前",
            "homutune improve apply",
            "homutune improve retrain",
        ),
        "誤りの型（一問が二つ以上に当たることがあります）と、作られた一覧です。",
        _table(("誤りの型", "問"), errors),
        _table(("行", "すること", "数", "理由"), work),
        f"下書きを作れる大きさのモデルがこの計算機にはないため、`improve draft` は使っていません。"
        f"代わりに、一覧を見て人手で書いた {r.n_written} 組（`bench/{r.pairs}`）を `improve add` で"
        f"足しました。検査と評価用の質問の除外を通ったのは {written} 組です。"
        "回答の訂正はないため、DPO の組はできていません。法律家の確認は受けていません。",
        f"学習用の組は {new.manifest.counts['train'] - written} から "
        f"{new.manifest.counts['train']} に増えました。設定は前と同じです。",
        "### 前と後（評価専用の質問）",
        _command(f"homutune eval compare 学習後 改善後 --dataset {held.dataset}"),
        headline(held),
        _table(("条件", "項目", "前", "後", "差", "95％信頼区間", "p", "判定"), rows),
        "型ごとの正確性（資料つき）と、正しい資料番号を示した数：",
        _table(("型", "問", "前", "後", "正しい資料番号"), by_case),
        "### 版の履歴（検証用の質問、資料つき）",
        _command("homutune improve history"),
        _table(("学習データの版", "件数", "モデル", *CRITERIA.values()), versions),
    ]


def _limits(r: Results) -> list[str]:
    return [
        "## 測っていないこと",
        _bullets(
            (
                "人（弁護士など）による採点と、別のモデルによる採点。",
                "別のシードで学習し直したときの揺れ（どのモデルも 1 回だけ）。",
                "もっと大きなモデル。ベースモデルは 2 億 7 千万パラメーターです。",
                "利用者の実際の質問。評価専用の質問も、同じ種類の書き手によるものです。"
                "検索のしかたを選ぶときに、この質問での検索の成績を見比べています"
                "（[測定結果](measurements.md)）。モデルの学習には使っていません。",
                "改善の効果が、足した組の中身によるのか、数が増えたことによるのか。",
            )
        ),
    ]


def _command(*lines: str) -> str:
    return f"```{SKIPPED}\n" + "\n".join(f"$ {line}" for line in lines) + "\n```"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return (
            "| " + " | ".join(cell.replace("|", "／").replace("\n", " ") for cell in cells) + " |"
        )

    return "\n".join([line(titles), "|" + "---|" * len(titles), *map(line, rows)])
