"""The files of a job: checked before it is queued, and written as the worker reads them."""

from __future__ import annotations

from homutune.server._content_events import content_warnings
from homutune.server._job_folder import JobFolder
from homutune.server._preference_file import check_preferences
from homutune.server._store import JobRow
from homutune.server._training_file import MIN_EXAMPLES, Checked, check_examples, overlap


def check_files(job: JobRow, folder: JobFolder) -> tuple[str, str, str] | None:
    """Code, message and param of OpenAI's error, if there is one."""
    folder.events.append_once(f"Validating training file: {job.training_file}")
    training = _check(job, folder, "training_file", job.training_file)
    error = _training_error(job, training)
    if error is None and job.validation_file is not None:
        folder.events.append_once(f"Validating validation file: {job.validation_file}")
        validation = _check(job, folder, "validation_file", job.validation_file)
        error = _validation_error(training, validation)
    if error is None and job.method == "supervised":
        for warning in content_warnings(folder.path / "train.jsonl"):
            folder.events.append_once(warning, "warn")
    return error


def _check(job: JobRow, folder: JobFolder, which: str, file_id: str) -> Checked:
    """Check a file of the job and write what the worker reads."""
    source = folder.path / which
    target = folder.path / ("train.jsonl" if which == "training_file" else "valid.jsonl")
    if job.method == "dpo":
        return check_preferences(source, file_id, target=target)
    return check_examples(source, target)


def _training_error(job: JobRow, training: Checked) -> tuple[str, str, str] | None:
    if training.preference:
        return (
            "invalid_training_file",
            f"Input file {job.training_file} is in the fine-tune-preference format, but the "
            "specified fine-tuning job is not using 'dpo' as the training method (provided "
            "method=supervised).",
            "training_file",
        )
    if training.problems:
        return "invalid_training_file", _invalid("training", training), "training_file"
    if training.examples < MIN_EXAMPLES:
        return (
            "invalid_n_examples",
            f"Training file has {training.examples} example(s), but must have at least "
            f"{MIN_EXAMPLES} examples",
            "training_file",
        )
    return None


def _validation_error(training: Checked, validation: Checked) -> tuple[str, str, str] | None:
    validation.problems += overlap(training, validation)
    if not validation.problems:
        return None
    return "invalid_validation_file", _invalid("validation", validation), "validation_file"


def _invalid(which: str, checked: Checked) -> str:
    return (
        f"The job failed due to an invalid {which} file. Invalid file format. {checked.message()}"
    )
