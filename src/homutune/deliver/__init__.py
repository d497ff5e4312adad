"""提出課題: the released model, the report, the demo video, the bundle, and what is fulfilled."""

from homutune.deliver._measured import Measured, measured_on
from homutune.deliver._release import (
    MOST_BYTES,
    Release,
    install_released,
    models_path,
    release_model,
)

__all__ = [
    "MOST_BYTES",
    "Measured",
    "Release",
    "install_released",
    "measured_on",
    "models_path",
    "release_model",
]
