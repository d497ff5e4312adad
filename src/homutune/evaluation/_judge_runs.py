"""A judge goes over the answers of two runs: every answer alone, and both in both orders.

Verdicts are kept in ``<run>/judged/<judge>/`` as they arrive (``scores.jsonl`` and
``pairs-<other run>.jsonl``), with ``judge.json`` saying who judged with which wording; what was
judged once is not asked again.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from homutune.errors import UserError
from homutune.evaluation._answers import ends_the_run, side_by_side
from homutune.evaluation._judges import Judge
from homutune.evaluation._judging import Question, Verdict, prompt_hash, read_reply
from homutune.evaluation._run_files import Run
from homutune.evaluation._scoring import CRITERIA
from homutune.files import JsonLines, write_atomic

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """All verdicts of one judge on two runs.

    Attributes:
        scores: (run id, criterion, item) -> verdict on that answer alone.
        pairs: (criterion, item) -> verdicts with base first and with tuned first.
    """

    judge: str
    prompts: str
    scores: dict[tuple[str, str, str], Verdict]
    pairs: dict[tuple[str, str], tuple[Verdict, Verdict]]

    @property
    def asked(self) -> int:
        """Number of verdicts, read or missing."""
        return len(self.scores) + 2 * len(self.pairs)

    @property
    def missing(self) -> dict[str, int]:
        """Why verdicts are missing -> how many."""
        verdicts = [*self.scores.values(), *(v for pair in self.pairs.values() for v in pair)]
        return dict(Counter(v.missing for v in verdicts if v.missing is not None))


def judge_runs(
    judge: Judge,
    base: Run,
    tuned: Run,
    *,
    criteria: Sequence[str] = tuple(CRITERIA),
    pairwise: bool = True,
    concurrency: int = 8,
    progress: Progress | None = None,
) -> Judged:
    """Judge what was not judged before, and return everything.

    A request that fails for one question leaves that verdict missing; it is asked again next time.

    Raises:
        UserError: the runs have no answered item in common, or ask to abstain.
        openai.APIError: no further question can succeed; the verdicts so far are kept.
    """
    if "withheld" in (base.config.case, tuned.config.case):
        raise UserError(
            "正しい資料を外した条件では、審査員に採点させる観点がありません。",
            remedy="--condition grounded か plain を指定してください。",
        )
    items = [item for item in base.items if item.meta.id in base.scores.keys() & tuned.scores]
    if not items:
        raise UserError(
            "両方が答えた質問がないため、採点できません。",
            remedy="同じデータセットを、同じ --limit で評価してください。",
        )
    work: list[tuple[Path, Question]] = []
    for run in {base.config.id: base, tuned.config.id: tuned}.values():
        path = _folder(run, judge.name) / "scores.jsonl"
        work += [
            (path, Question(name, item, (_text(run, item.meta.id),)))
            for name in criteria
            for item in items
        ]
    if pairwise:
        path = _folder(tuned, judge.name) / f"pairs-{base.config.id}.jsonl"
        for name in criteria:
            for item in items:
                texts = _text(base, item.meta.id), _text(tuned, item.meta.id)
                work += [(path, Question(name, item, order)) for order in (texts, texts[::-1])]
    _ask(judge, work, concurrency, progress)
    found = load_judged(base, tuned, judge.name)
    assert found is not None  # at least one verdict was written
    return found


def load_judged(base: Run, tuned: Run, judge: str) -> Judged | None:
    """What ``judge`` has said with today's wording; None when nothing."""
    verdicts: dict[tuple[Path, str], Verdict] = {}
    score_paths = {run.config.id: _folder(run, judge) / "scores.jsonl" for run in (base, tuned)}
    pair_path = _folder(tuned, judge) / f"pairs-{base.config.id}.jsonl"
    for path in {*score_paths.values(), pair_path}:
        for verdict in _read(path):
            verdicts[path, verdict.key] = verdict
    scores, pairs = {}, {}
    for item in base.items:
        key = item.meta.id
        if key not in base.scores or key not in tuned.scores:
            continue
        for name in CRITERIA:
            for run in (base, tuned):
                question = Question(name, item, (_text(run, key),))
                known = verdicts.get((score_paths[run.config.id], question.key()))
                if known is not None:
                    scores[run.config.id, name, key] = known
            texts = _text(base, key), _text(tuned, key)
            both = [
                verdicts.get((pair_path, Question(name, item, order).key()))
                for order in (texts, texts[::-1])
            ]
            if both[0] is not None and both[1] is not None:
                pairs[name, key] = both[0], both[1]
    return Judged(judge, prompt_hash(), scores, pairs) if scores or pairs else None


def judges_of(run: Run) -> list[str]:
    """Names of the judges that went over ``run`` with today's wording."""
    found = []
    for path in sorted((run.path / "judged").glob("*/judge.json")):
        record: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if record["prompts"] == prompt_hash():
            found.append(str(record["judge"]))
    return found


def _ask(
    judge: Judge, work: Sequence[tuple[Path, Question]], concurrency: int, progress: Progress | None
) -> None:
    known = {
        (path, verdict.key)
        for path in {path for path, _ in work}
        for verdict in _read(path)
        if verdict.missing != "request"
    }
    open_work = [(path, question) for path, question in work if (path, question.key()) not in known]
    done = len(work) - len(open_work)
    for path in dict.fromkeys(path for path, _ in open_work):
        record = {"judge": judge.name, "prompts": prompt_hash()}
        write_atomic(path.parent / "judge.json", json.dumps(record, ensure_ascii=False) + "\n")
        tasks = [
            partial(_verdict, judge, question) for place, question in open_work if place == path
        ]
        for _ in JsonLines(path).append_all(side_by_side(tasks, concurrency)):
            done += 1
            if progress:
                progress(done, len(work))


def _verdict(judge: Judge, question: Question) -> Verdict:
    import openai

    item, name, key = question.item.meta.id, question.criterion, question.key()
    if len(question.answers) == 1 and not question.answers[0].strip():
        return Verdict(item, name, key, "1", reason="空の回答です。")
    try:
        reply = judge.reply(question)
    except openai.APIError as error:
        if ends_the_run(error):
            raise
        return Verdict(item, name, key, None, reason=type(error).__name__, missing="request")
    return read_reply(question, reply)


def _read(path: Path) -> list[Verdict]:
    return [
        Verdict(**{**record, "evidence": tuple(record["evidence"])})
        for record in JsonLines(path).read()
    ]


def _folder(run: Run, judge: str) -> Path:
    """One folder for each judge and wording; the name is made safe for any file system."""
    slug = re.sub(r"[^0-9A-Za-z.-]+", "-", judge).strip(".-")[:40]
    digest = sha256(f"{judge}\n{prompt_hash()}".encode()).hexdigest()[:8]
    return run.path / "judged" / f"{slug}-{digest}"


def _text(run: Run, item: str) -> str:
    return run.answers[item].text or ""
