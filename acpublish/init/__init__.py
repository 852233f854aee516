"""Sets a project up for publishing, and takes that away again: ``acpublish init``."""

from acpublish.init.arduino import ArduinoChange, arduino_change, build_property
from acpublish.init.platformio import (
    DEFAULT_TO,
    SCRIPT,
    Change,
    FileChange,
    packaged_script,
    project_change,
    undo_change,
)

__all__ = [
    "DEFAULT_TO",
    "SCRIPT",
    "ArduinoChange",
    "Change",
    "FileChange",
    "arduino_change",
    "build_property",
    "packaged_script",
    "project_change",
    "undo_change",
]
