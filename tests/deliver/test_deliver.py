"""Report, check and bundle over real runs: what is there is shown, what is missing is missed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.legal_models import RULES, Models, make_card, make_example
from homutune.cli._app import run
from homutune.client import Call, CallLog, connect
from homutune.data import KINDS, Dataset, Meta, create_dataset, split_examples
from homutune.deliver import (
    HEADINGS,
    LENGTH,
    UNMEASURED,
    check_report,
    measured_model,
    measured_on,
    report_values,
    write_report_text,
)
from homutune.evaluation import CONDITIONS, find_arm, run_condition
from homutune.files import DiskFull
from homutune.improvement import create_loop, find_weaknesses, make_worklist
from homutune.settings import load_settings
from homutune.tuning import ModelEntry, remember_model
from scripted import ScriptedServer

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "code-examples/fine_tuning_prep.py", "code-examples/fine_tuning_job.py",
    "code-examples/evaluate_models.py", "code-examples/improve_and_retrain.py",
    "code-examples/hybrid_prompting.py", "code-examples/legal_model_wrapper.py",
    "code-examples/legal_assistant_app.py", "src/homutune/assistant/_qa.py",
    "src/homutune/web/__init__.py", "src/homutune/__init__.py", "pyproject.toml", "README.md",
)  # fmt: skip


def four_kinds(number: int, meta: Meta) -> Meta:
    return replace(meta, id=f"{meta.id}-{number}", kind=KINDS[number % 4])


@pytest.fixture
def dataset(home: Path) -> Dataset:
    """32 pairs of four kinds in eight groups."""
    examples = []
    for copy in range(2):
        for rule in RULES:
            for number in (0, 1):
                example = make_example(rule, number)
                messages = list(example.messages)
                if copy:
                    asked = f"{messages[0]['content']}別の工場の{rule[3]}についてです。"
                    messages[0] = {"role": "user", "content": asked}
                meta = four_kinds(number + 2 * copy, example.meta)
                examples.append(replace(example, messages=tuple(messages), meta=meta))
    cards = [make_card(rule) for rule in RULES]
    return create_dataset(home, examples, cards, split_examples(examples, valid_ratio=0.25))


@pytest.fixture
def measured(
    home: Path, dataset: Dataset, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> ModelEntry:
    """``base`` and ``tuned`` have answered with and without notes; ``tuned`` is registered."""
    scripted_server.routes[("POST", "/chat/completions")] = Models(dataset)
    monkeypatch.setenv("HOMUTUNE_BASE_URL", scripted_server.base_url)
    settings = load_settings()
    with connect(settings) as client:
        for model in ("base", "tuned"):
            for name in ("grounded", "plain"):
                run_condition(settings, client, dataset, CONDITIONS[name], model=model)
    curve = home / "results" / "ftjob-1.csv"
    curve.parent.mkdir()
    header = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
    curve.write_text(f"{header}0,,,1.987,\n1,2.0,,,\n2,0.9,,0.654,\n", "utf-8")
    entry = ModelEntry(
        "tuned", "ftjob-1", "base", settings.base_url, 1_700_000_000, dataset=dataset.name,
        recipe="grounded", suffix="x", seed=7, hyperparameters={"n_epochs": 3, "batch_size": 4},
        trained_tokens=54321, metrics_path=curve, train_loss=0.9, valid_loss=0.654,
    )  # fmt: skip
    remember_model(home, entry)
    return entry


def test_without_any_run_the_report_says_so_and_keeps_to_its_length(home: Path) -> None:
    text = write_report_text(load_settings())
    assert text.count(UNMEASURED) >= 15 and "未測定組" in text
    assert not check_report(text).problems
    assert "結論は出せません" in text and "良く" not in text


def test_the_report_holds_the_numbers_of_the_stored_runs(
    measured: ModelEntry, home: Path, dataset: Dataset
) -> None:
    settings = load_settings()
    text = write_report_text(settings)
    checked = check_report(text)
    assert LENGTH[0] <= checked.length <= LENGTH[1] and not checked.missing
    (found,) = measured_on(home, "base", "tuned", measured)
    grounded = found.comparison.conditions["grounded"].criteria
    for name in ("correctness", "relevance", "style", "expertise"):
        result = grounded[name]
        assert f"{result.base_mean:.2f}→{result.tuned_mean:.2f}" in text
    for words in (
        "32組（4種類）",
        "エポック数は3",
        "54,321",
        "平均で1.450",
        "1.987から0.654",
        "シードは7",
    ):
        assert words in text
    assert f"数字は甘めになります）{len(dataset.valid)}問" in text
    right = found.comparison.conditions["grounded"].flags["right_card"]
    assert f"{right.base_count}→{right.tuned_count}（{right.n}問中）" in text
    assert "人による採点は未測定" in text and "再学習の効果は未測定" in text
    values = report_values(settings)
    assert values["train"] == str(len(dataset.train)) and values["playbooks"].isdigit()


def test_the_report_is_written_as_word_and_pdf_and_an_edited_one_is_checked(
    measured: ModelEntry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import docx
    import pypdfium2

    assert run(["deliver", "report"]) == 0
    source = tmp_path / "deliverables" / "report.md"
    text = source.read_text("utf-8")
    assert run(["deliver", "report", "--source", str(source), "--out", "report.docx"]) == 0
    paragraphs = [p.text for p in docx.Document("report.docx").paragraphs]
    assert all(any(heading in p for p in paragraphs) for heading in HEADINGS)
    assert any("54,321" in p for p in paragraphs)
    source.write_text(text.replace("54,321", "54,322"), "utf-8")
    if shutil.which("chromium") or shutil.which("soffice"):
        assert run(["deliver", "report", "--source", str(source), "--out", "report.pdf"]) == 0
        page = pypdfium2.PdfDocument("report.pdf")[0].get_textpage().get_text_bounded()
        assert "54,322" in page and "ファインチューニング" in page
    source.write_text(
        text.replace("## 5. アプリケーションと考察", "## 5. まとめ") + "長" * 500, "utf-8"
    )
    capsys.readouterr()
    assert run(["deliver", "report", "--source", str(source), "--out", "x.docx"]) == 2
    told = capsys.readouterr().err
    assert "アプリケーションと考察" in told and "800〜1200 字" in told
    assert not Path("x.docx").exists()


def test_without_a_target_the_report_is_written_in_every_form_there_is_a_program_for(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["deliver", "report", "--json"]) == 0
    files = [Path(name) for name in json.loads(capsys.readouterr().out)["files"]]
    assert all(path.stat().st_size for path in files)
    assert [path.suffix for path in files][:2] == [".md", ".docx"]
    monkeypatch.setenv("PATH", "/nowhere")
    files[0].unlink()
    old = files[0].with_suffix(".pdf")
    old.write_bytes(b"%PDF of other figures")
    assert run(["deliver", "report"]) == 0
    assert files[0].is_file() and "LibreOffice か Chromium" in capsys.readouterr().err
    assert not old.exists(), "beside new figures it would be taken for theirs"

    def full(path: Path, text: str) -> None:
        if path.suffix == ".pdf":
            raise DiskFull("空きがありません。", file=path, remedy="")

    monkeypatch.setattr("homutune.deliver.write_text_as", full)
    old.write_bytes(b"%PDF")
    assert run(["deliver", "report"]) == 2 and old.exists(), "no fault of a converter"


def test_a_newer_model_that_was_not_measured_does_not_hide_the_one_that_was(
    measured: ModelEntry, home: Path
) -> None:
    newer = replace(measured, model="newer", job_id="ftjob-2", created_at=1_800_000_000)
    remember_model(home, newer)
    entry, found = measured_model(load_settings())
    assert entry is not None and entry.model == "tuned" and len(found) == 1
    assert "0.654" in write_report_text(load_settings())
    named, nothing = measured_model(load_settings(), "newer")
    assert named is not None and named.model == "newer" and nothing == []


def test_without_a_converter_a_pdf_is_refused_with_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert run(["deliver", "report", "--out", "report.pdf"]) == 2
    assert "LibreOffice か Chromium" in capsys.readouterr().err
    assert not Path("report.pdf").exists()


@pytest.fixture
def complete(measured: ModelEntry, home: Path, dataset: Dataset, tmp_path: Path) -> Path:
    """A project in which nothing is missing."""
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("ffmpeg is not installed")
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", "utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("x", "utf-8")
    (tmp_path / ".env").write_text("OPENAI_API_KEY=secret", "utf-8")
    settings = load_settings()
    assert run(["deliver", "report"]) == 0
    weak = find_weaknesses(find_arm(home, dataset, model="tuned", condition="grounded"))
    loop = create_loop(home, weak, make_worklist(dataset, weak))
    applied = {"dataset": dataset.name, "accepted": ["draft-1"], "edited": []}
    (loop.folder / "applied.json").write_text(json.dumps(applied), "utf-8")
    create_loop(home, weak, make_worklist(dataset, weak))  # the next round has only begun
    CallLog(home).add(
        Call("2026-11-22T00:00:00+00:00", "tuned", "tuned", settings.base_url, "ok", 200, 1, 1,
             0.0, 0.1, 1)
    )  # fmt: skip
    contract = ROOT / "deliverables/見本契約書.docx"
    assert run(["review", str(contract), "--side", "受託者", "--json"]) == 0
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=s=1280x720:r=1:d=170", "-f", "lavfi",
         "-i", "anullsrc=d=170", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
         "-shortest", str(tmp_path / "deliverables/demo.mp4")],
        check=True,
    )  # fmt: skip
    srt = "1\n00:00:00,000 --> 00:00:01,000\nあ\n"
    (tmp_path / "deliverables/demo.srt").write_text(srt, "utf-8")
    script = "length: [165, 195]\nscenes: [{name: 場面, steps: [{say: あ}]}]\n"
    (tmp_path / "deliverables/demo.yaml").write_text(script, "utf-8")
    return tmp_path


def test_the_check_fails_as_soon_as_one_thing_is_missing(
    complete: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def check() -> list[str]:
        capsys.readouterr()
        code = run(["deliver", "check", "--json"])
        told = json.loads(capsys.readouterr().out)
        assert (code == 0) is told["ok"]
        return [item["id"] for item in told["requirements"] if not item["ok"]]

    assert check() == []
    for path, missed in (
        (complete / "deliverables/demo.srt", ["提出課題（動画）"]),
        (complete / "deliverables/demo.mp4", ["課題4-2(3)", "提出課題（動画）"]),
        (complete / "deliverables/report.md", ["提出課題（レポート）"]),
        (complete / "code-examples/hybrid_prompting.py", ["課題3-2"]),
        (next(home.glob("improvements/*/applied.json")), ["課題3-1"]),
        (home / "assistant.db", ["課題4-1"]),
        (home / "reviews", ["課題4-2(1)"]),
        (complete / "docs/index.md", ["課題4-2(3)"]),
        (complete / "deliverables/demo.yaml", ["提出課題（動画）"]),
        (home / "results/ftjob-1.csv", ["課題2-1"]),
    ):
        away = path.with_name("away")
        path.rename(away)
        assert check() == missed, path
        if path.exists():  # the log makes its database again
            path.unlink()
        away.rename(path)
    captions = complete / "deliverables/demo.srt"
    captions.write_text(captions.read_text("utf-8").replace("あ", "い"), "utf-8")
    assert check() == ["提出課題（動画）"]
    captions.write_text(captions.read_text("utf-8").replace("い", "あ"), "utf-8")
    report = complete / "deliverables/report.md"
    report.write_text(report.read_text("utf-8")[:900], "utf-8")
    assert check() == ["提出課題（レポート）"]
    shutil.rmtree(home / "runs")
    assert check() == ["課題2-2", "課題3-1", "課題3-2", "提出課題（レポート）"]


def test_an_empty_home_fulfils_nothing_that_needs_work(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["deliver", "check"]) == 1
    said = capsys.readouterr().out
    assert "足りないもの: 課題1-1" in said and "すべてそろっています" not in said
    assert "課題3-2 プロンプトと学習を組み合わせ、効果を測る" in said
    assert "800〜1,200 字で、五つの見出しのあるレポート" in said
    assert run(["deliver", "check", "--json"]) == 1
    for item in json.loads(capsys.readouterr().out)["requirements"]:
        assert not any(piece["ok"] for piece in item["evidence"]), item["id"]


def test_the_bundle_holds_everything_with_right_checksums_and_no_secret(
    complete: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["deliver", "bundle", "--out", "dist/b.zip", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    with zipfile.ZipFile(complete / "dist/b.zip") as archive:
        names = set(archive.namelist())
        manifest = json.loads(archive.read("manifest.json"))
        for name, expected in manifest["sha256"].items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == expected
        table = archive.read("確認表.md").decode()
        lines = archive.read("学習データ/train.jsonl").decode().splitlines()
    assert names == {*manifest["sha256"], "manifest.json"} and set(told["files"]) == names - {
        "manifest.json"
    }
    wanted = {"学習データ/valid.jsonl", "レポート/report.md", "動画/demo.mp4", "動画/demo.srt"}
    assert wanted <= names and f"ソースコード/{FILES[0]}" in names
    assert not any(".env" in name or "home" in name for name in names)
    assert "| × |" not in table and "課題3-2" in table
    assert all(set(json.loads(line)) == {"messages"} for line in lines)
    assert manifest["missing"] == [] and manifest["model"] == "tuned"


def test_an_incomplete_bundle_is_made_only_when_asked_for(
    complete: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (complete / "deliverables/demo.mp4").unlink()
    assert run(["deliver", "bundle", "--out", "b.zip"]) == 1
    assert not (complete / "b.zip").exists()
    assert run(["deliver", "bundle", "--out", "b.zip", "--incomplete"]) == 0
    with zipfile.ZipFile("b.zip") as archive:
        assert "提出課題（動画）" in json.loads(archive.read("manifest.json"))["missing"]
        assert "| × |" in archive.read("確認表.md").decode()
