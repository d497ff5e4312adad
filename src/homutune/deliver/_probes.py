"""How the evidence for each requirement is found: one function a probe, nothing is believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from homutune.client import CallLog
from homutune.data import KINDS, Dataset, check_examples, find_leaks, open_dataset
from homutune.deliver._measured import Improved, Measured, improved, measured_model
from homutune.deliver._media import VIDEO_LENGTH_S, check_video, probe_media
from homutune.deliver._report import check_report
from homutune.deliver._script import caption_texts, read_script, wrap_caption
from homutune.errors import UserError
from homutune.evaluation import CRITERIA, number
from homutune.settings import Settings
from homutune.tuning import ModelEntry

MIN_PAIRS = 30
#: Share of the validation side: a split by whole groups cannot hit 20 % exactly.
VALID_SHARE = (0.15, 0.25)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a probe found, and where; ``ok`` False with the reason."""

    ok: bool
    found: str
    where: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Where evidence is looked for."""

    settings: Settings
    project: Path
    report: Path
    video: Path
    dataset: Dataset | None
    entry: ModelEntry | None
    measured: tuple[Measured, ...]
    improved: Improved | None

    @property
    def home(self) -> Path:
        """The home folder."""
        return self.settings.home


def open_scene(settings: Settings, project: Path, report: Path, video: Path) -> Scene:
    """Open what the probes share: the model, its dataset, and what was measured."""
    entry, measured = measured_model(settings)
    try:
        dataset = open_dataset(settings.home, entry.dataset if entry else None)
    except UserError:
        dataset = None
    return Scene(
        settings, project, report, video, dataset, entry, tuple(measured), improved(settings.home)
    )


def look(scene: Scene, probe: str) -> Evidence:
    """The evidence of one probe."""
    name, _, argument = probe.partition(":")
    if name == "file":
        there = (scene.project / argument).is_file()
        return Evidence(there, "あり" if there else "ありません", argument)
    return PROBES[name](scene)


def _dataset_place(dataset: Dataset) -> str:
    return f"保存先/datasets/{dataset.name}"


_NO_DATASET = Evidence(False, "データセットがありません", "homutune data split")
_NO_MODEL = Evidence(False, "学習したモデルがありません", "homutune tune start")


def _pairs(scene: Scene) -> Evidence:
    if scene.dataset is None:
        return _NO_DATASET
    count = len(scene.dataset.examples)
    return Evidence(count >= MIN_PAIRS, f"{count} 組", _dataset_place(scene.dataset))


def _kinds(scene: Scene) -> Evidence:
    if scene.dataset is None:
        return _NO_DATASET
    there = {example.meta.kind for example in scene.dataset.examples}
    missing = [kind for kind in KINDS if kind not in there]
    found = f"ない種類: {'、'.join(missing)}" if missing else f"{len(KINDS)} 種類すべて"
    return Evidence(not missing, found, _dataset_place(scene.dataset))


def _checked(scene: Scene) -> Evidence:
    if scene.dataset is None:
        return _NO_DATASET
    errors = len(check_examples(scene.dataset.examples, scene.dataset.cards).errors)
    return Evidence(not errors, f"検査の誤り {errors} 件", "homutune data check")


def _split(scene: Scene) -> Evidence:
    if scene.dataset is None:
        return _NO_DATASET
    dataset = scene.dataset
    share = len(dataset.valid) / len(dataset.examples)
    leaks = find_leaks(dataset.examples, dataset.split)
    low, high = VALID_SHARE
    found = f"学習 {len(dataset.train)}・検証 {len(dataset.valid)}（{share:.1%}）"
    found += f"、両側に共通 {len(leaks)} 件"
    return Evidence(low <= share <= high and not leaks, found, _dataset_place(dataset))


def _model(scene: Scene) -> Evidence:
    if scene.entry is None:
        return _NO_MODEL
    return Evidence(True, scene.entry.model, f"保存先/registry.json（{scene.entry.job_id}）")


def _losses(scene: Scene) -> Evidence:
    if scene.entry is None:
        return _NO_MODEL
    loss, curve = scene.entry.valid_loss, scene.entry.metrics_path
    if loss is None or curve is None or not curve.is_file():
        return Evidence(False, "検証の損失の記録がありません", "保存先/results")
    return Evidence(True, f"検証の損失 {loss:.3f} までの記録", f"保存先/results/{curve.name}")


def _criteria(scene: Scene) -> Evidence:
    if not scene.measured:
        return Evidence(
            False, "学習前後の評価がありません", "homutune eval run --model base・latest"
        )
    measured = scene.measured[0]
    known = {name for c in measured.comparison.conditions.values() for name in c.criteria}
    missing = [label for name, label in CRITERIA.items() if name not in known]
    found = f"測っていない観点: {'、'.join(missing)}" if missing else measured.label
    return Evidence(not missing, found, "保存先/runs")


def _improved(scene: Scene) -> Evidence:
    found = scene.improved
    if found is None:
        return Evidence(False, "採用した下書きから作った版がありません", "homutune improve apply")
    text = f"採用 {found.accepted} 件、新しい版 {found.dataset}"
    return Evidence(found.accepted > 0, text, "保存先/improvements")


def _retrained(scene: Scene) -> Evidence:
    found = scene.improved
    if found is None or found.after is None:
        return Evidence(False, "再学習したモデルがありません", "homutune improve retrain")
    return Evidence(True, found.after.model, "保存先/registry.json")


def _recompared(scene: Scene) -> Evidence:
    found = scene.improved
    result = found.measured.comparison.primary if found and found.measured else None
    if result is None:
        return Evidence(False, "再学習の前後の比較がありません", "homutune improve retrain")
    change = f"{number(result.base_mean)}→{number(result.tuned_mean)}"
    return Evidence(True, f"再学習の前後の正確性 {change}（{result.n_items} 問）", "保存先/runs")


def _hybrid(scene: Scene) -> Evidence:
    for measured in scene.measured:
        if {"plain", "grounded"} <= measured.comparison.conditions.keys():
            found = f"学習の前後 × 資料の有無の 4 通り、{measured.label}"
            return Evidence(True, found, "保存先/runs")
    return Evidence(
        False, "学習の前後 × 資料の有無の評価がそろいません", "homutune eval run --plan all"
    )


def _calls(scene: Scene) -> Evidence:
    calls = [c for c in CallLog(scene.home).read(limit=1000) if c.outcome == "ok"]
    where = "保存先/assistant.db"
    return Evidence(bool(calls), f"成功した呼び出しの記録 {len(calls)} 件", where)


def _reviews(scene: Scene) -> Evidence:
    count = sum(1 for _ in scene.home.glob("reviews/**/*.json"))
    return Evidence(count > 0, f"保存した契約書レビュー {count} 件", "保存先/reviews")


def _training_file(scene: Scene) -> Evidence:
    if scene.dataset is None:
        return _NO_DATASET
    return Evidence(True, "提出用の zip に書き出します", _dataset_place(scene.dataset))


def _report(scene: Scene) -> Evidence:
    where = _shown(scene.report, scene.project)
    if not scene.report.is_file():
        return Evidence(False, "ありません（homutune deliver report）", where)
    checked = check_report(scene.report.read_text("utf-8"))
    return Evidence(
        not checked.problems, " ".join(checked.problems) or f"{checked.length} 字", where
    )


def _video(scene: Scene) -> Evidence:
    where = _shown(scene.video, scene.project)
    if not scene.video.is_file():
        return Evidence(False, "ありません（homutune deliver video）", where)
    try:
        media = probe_media(scene.video)
    except UserError as error:
        return Evidence(False, str(error), where)
    problems = check_video(media, VIDEO_LENGTH_S)
    return Evidence(not problems, " ".join(problems) or media.summary, where)


def _captions(scene: Scene) -> Evidence:
    """The captions are those of the script beside the video, which is also what is spoken."""
    path, script = scene.video.with_suffix(".srt"), scene.video.with_suffix(".yaml")
    where = _shown(path, scene.project)
    if not path.is_file():
        return Evidence(False, "字幕がありません", where)
    try:
        steps = read_script(script).steps
    except UserError as error:
        return Evidence(False, str(error), where)
    wanted = [wrap_caption(step.caption) for step in steps if step.caption]
    there = caption_texts(path.read_text("utf-8"))
    if there != wanted:
        return Evidence(False, f"字幕が台本（{script.name}）と違います", where)
    return Evidence(True, f"字幕 {len(there)} 枚、すべて台本の文と同じ", where)


def _shown(path: Path, project: Path) -> str:
    resolved, root = path.resolve(), project.resolve()
    return str(resolved.relative_to(root) if resolved.is_relative_to(root) else path)


PROBES: dict[str, Callable[[Scene], Evidence]] = {
    "pairs": _pairs,
    "kinds": _kinds,
    "checked": _checked,
    "split": _split,
    "model": _model,
    "losses": _losses,
    "criteria": _criteria,
    "improved": _improved,
    "retrained": _retrained,
    "recompared": _recompared,
    "hybrid": _hybrid,
    "calls": _calls,
    "reviews": _reviews,
    "training_file": _training_file,
    "report": _report,
    "video": _video,
    "captions": _captions,
}
