"""Sets a project up for publishing, and takes that away again: ``acpublish init``."""

from acpublish.init.arduino import ArduinoChange, arduino_change, build_property
from acpublish.init.platformio import Change, FileChange, project_change, undo_change

__all__ = [
    "ArduinoChange",
    "Change",
    "FileChange",
    "arduino_change",
    "build_property",
    "project_change",
    "undo_change",
]
