"""One round of improvement on disk: ``<home>/improvements/<loop id>/``.

``plan.json`` is what was found and what is to be done, ``drafts.jsonl`` what a model proposed,
``decisions.jsonl`` what people decided (the last one on a draft counts), ``applied.json`` the
dataset version that came out, written last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from homutune.data import Example, Meta, open_dataset
from homutune.errors import UserError
from homutune.files import JsonLines, write_atomic
from homutune.improvement._drafts import Draft, DraftChecker, rewrite
from homutune.improvement._firewall import Firewall
from homutune.improvement._weaknesses import Weakness, Weaknesses
from homutune.improvement._worklist import WorkItem

Verdict = Literal["accept", "edit", "reject"]
VERDICTS: dict[Verdict, str] = {"accept": "採用", "edit": "修正して採用", "reject": "却下"}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about a draft; texts only where they were changed."""

    draft: str
    verdict: Verdict
    by: str
    at: str
    question: str | None = None
    answer: str | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Loop:
    """One round: found weaknesses, the work list, drafts and decisions."""

    folder: Path
    weaknesses: Weaknesses
    work: tuple[WorkItem, ...]
    created_at: str

    @property
    def id(self) -> str:
        """``loop-`` and 10 hex digits of the runs it rests on."""
        return self.folder.name

    @property
    def applied(self) -> dict[str, Any] | None:
        """``applied.json``: the version made, None as long as there is none."""
        path = self.folder / "applied.json"
        return json.loads(path.read_text("utf-8")) if path.is_file() else None

    def drafts(self) -> dict[str, Draft]:
        """The drafts by id, in the order in which they came."""
        drafts = (_draft(record) for record in JsonLines(self.folder / "drafts.jsonl").read())
        return {draft.id: draft for draft in drafts}

    def decisions(self) -> dict[str, Decision]:
        """The decision that counts, by draft."""
        records = JsonLines(self.folder / "decisions.jsonl").read()
        return {record["draft"]: Decision(**record) for record in records}

    def pending(self) -> list[Draft]:
        """Drafts that nobody has decided on."""
        decided = self.decisions()
        return [draft for draft in self.drafts().values() if draft.id not in decided]

    def keep(self, drafts: Iterable[Draft]) -> Iterator[Draft]:
        """Write each draft before handing it on."""
        return JsonLines(self.folder / "drafts.jsonl").append_all(drafts)

    def find(self, beginning: str) -> Draft:
        """The draft whose id begins so, with or without ``draft-``.

        Raises:
            UserError: there is none, or more than one.
        """
        drafts = self.drafts()
        whole = beginning if beginning.startswith("draft-") else f"draft-{beginning}"
        found = [draft for key, draft in drafts.items() if key.startswith(whole)]
        if len(found) != 1:
            problem = "が見つかりません" if not found else "に当てはまるものが複数あります"
            raise UserError(
                f"下書き「{beginning}」{problem}。",
                remedy="homutune improve list で ID を確認してください。",
            )
        return found[0]

    def final(self, draft: Draft, decision: Decision) -> Example:
        """The pair as it was accepted."""
        return rewrite(draft.example, question=decision.question, answer=decision.answer)

    def decide(
        self,
        home: Path,
        draft: Draft,
        verdict: Verdict,
        *,
        by: str,
        question: str | None = None,
        answer: str | None = None,
        comment: str = "",
    ) -> Decision:
        """Record what a person decided; what is accepted is checked as it would train.

        Raises:
            UserError: the pair has a fault that must be put right first, or nothing was changed.
        """
        changed = {
            "question": question if question and question != draft.example.question else None,
            "answer": answer if answer and answer != draft.example.answer else None,
        }
        if verdict == "edit" and not any(changed.values()):
            raise UserError(
                f"{draft.id} は、どこも直されていません。",
                remedy="そのまま使うなら採用（accept）にしてください。",
            )
        decision = Decision(
            draft.id, verdict, by, datetime.now(UTC).isoformat(timespec="seconds"), **changed,
            comment=comment,
        )  # fmt: skip
        if verdict != "reject":
            dataset = open_dataset(home, self.weaknesses.dataset)
            checker = DraftChecker(dataset, Firewall.of(home, dataset))
            problems, _ = checker.check(self.final(draft, decision))
            if problems:
                raise UserError(
                    f"{draft.id} は採用できません：{' '.join(problems)}",
                    remedy="修正（edit）して採用するか、却下（reject）してください。",
                )
        for _ in JsonLines(self.folder / "decisions.jsonl").append_all([decision]):
            pass
        return decision


def create_loop(home: Path, weaknesses: Weaknesses, work: Sequence[WorkItem]) -> Loop:
    """Store a plan; the same runs give the same loop, whose drafts and decisions are kept."""
    digest = sha256(json.dumps([weaknesses.dataset, weaknesses.runs]).encode()).hexdigest()
    folder = _folder(home) / f"loop-{digest[:10]}"
    content = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "weaknesses": asdict(weaknesses),
        "work": [asdict(item) for item in work],
    }
    write_atomic(folder / "plan.json", json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    return open_loop(home, folder.name)


def open_loop(home: Path, name: str = "latest") -> Loop:
    """The loop called so, or the newest.

    Raises:
        UserError: there is none.
    """
    plans = sorted(_folder(home).glob("loop-*/plan.json"))
    read = {path: json.loads(path.read_text("utf-8")) for path in plans}
    found = [path for path in plans if name == "latest" or path.parent.name == name]
    if not found:
        raise UserError(
            "改善の計画がまだありません。" if name == "latest" else f"計画 {name} がありません。",
            remedy="homutune eval run で評価してから、homutune improve plan を実行してください。",
        )
    path = max(found, key=lambda path: str(read[path]["created_at"]))
    content = read[path]
    weak = content["weaknesses"]
    slices = tuple(Weakness(**_tuples(part)) for part in weak["slices"])
    return Loop(
        folder=path.parent,
        weaknesses=Weaknesses(
            **{
                **_tuples(weak),
                "slices": slices,
                "errors": _tuples(weak["errors"]),
                "contradictions": _tuples(weak["contradictions"]),
            }
        ),
        work=tuple(WorkItem(**_tuples(item)) for item in content["work"]),
        created_at=content["created_at"],
    )


def list_loops(home: Path) -> list[Loop]:
    """All rounds, the newest first."""
    names = [path.parent.name for path in _folder(home).glob("loop-*/plan.json")]
    loops = [open_loop(home, name) for name in names]
    return sorted(loops, key=lambda loop: loop.created_at, reverse=True)


def _folder(home: Path) -> Path:
    return home / "improvements"


def _draft(record: Mapping[str, Any]) -> Draft:
    example = record["example"]
    meta = Meta(**_tuples(example["meta"]))
    fields = {**_tuples(record), "example": Example(tuple(example["messages"]), meta)}
    return Draft(**fields)


def _tuples(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in record.items()}
