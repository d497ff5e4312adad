"""提出課題: the released model, the report, the demo video, the bundle, and what is fulfilled."""

from homutune.deliver._bundle import Bundle, write_bundle
from homutune.deliver._formats import write_text_as
from homutune.deliver._measured import Measured, measured_model, measured_on
from homutune.deliver._media import VIDEO_LENGTH_S, Media, check_video, probe_media
from homutune.deliver._probes import Evidence, Scene, open_scene
from homutune.deliver._release import (
    MOST_BYTES,
    Release,
    install_released,
    models_path,
    release_model,
)
from homutune.deliver._report import (
    HEADINGS,
    LENGTH,
    UNMEASURED,
    check_report,
    report_values,
    write_report_text,
)
from homutune.deliver._requirements import Fulfilment, check_requirements, requirements_table
from homutune.deliver._script import Script, read_script, wrap_caption
from homutune.deliver._video import make_video, newest_places

__all__ = [
    "HEADINGS",
    "LENGTH",
    "MOST_BYTES",
    "UNMEASURED",
    "VIDEO_LENGTH_S",
    "Bundle",
    "Evidence",
    "Fulfilment",
    "Measured",
    "Media",
    "Release",
    "Scene",
    "Script",
    "check_report",
    "check_requirements",
    "check_video",
    "install_released",
    "make_video",
    "measured_model",
    "measured_on",
    "models_path",
    "newest_places",
    "open_scene",
    "probe_media",
    "read_script",
    "release_model",
    "report_values",
    "requirements_table",
    "wrap_caption",
    "write_bundle",
    "write_report_text",
    "write_text_as",
]
