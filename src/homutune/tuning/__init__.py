"""Fine-tuning from the client's side: upload, create, watch, remember; any provider."""

from homutune.tuning._export import TrainingFiles, export_dataset
from homutune.tuning._jobs import start_job
from homutune.tuning._progress import Progress
from homutune.tuning._registry import (
    DATASET_KEY,
    ModelEntry,
    find_model,
    list_models,
    register_model,
    remember_model,
    sync_models,
)
from homutune.tuning._results import ExampleLoss, example_losses
from homutune.tuning._speed import measured_speed
from homutune.tuning._watch import TERMINAL, watch_job
from homutune.tuning._wording import STATUS, translate_event

__all__ = [
    "DATASET_KEY",
    "STATUS",
    "TERMINAL",
    "ExampleLoss",
    "ModelEntry",
    "Progress",
    "TrainingFiles",
    "example_losses",
    "export_dataset",
    "find_model",
    "list_models",
    "measured_speed",
    "register_model",
    "remember_model",
    "start_job",
    "sync_models",
    "translate_event",
    "watch_job",
]
