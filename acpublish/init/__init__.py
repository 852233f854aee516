"""Sets a project up for publishing, and takes that away again: ``acpublish init``."""

from acpublish.init.arduino import ArduinoChange, arduino_change, build_property
from acpublish.init.platformio import (
    SCRIPT,
    Change,
    FileChange,
    packaged_script,
    project_change,
    undo_change,
)

__all__ = [
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
