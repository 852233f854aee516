"""What ``acpublish init --arduino`` writes next to a core's platform.txt, and removes again.

Arduino IDE and arduino-cli run recipes named ``recipe.hooks.objcopy.postobjcopy.<number>.pattern``
after the image is built, and a file ``platform.local.txt`` adds to the core's own: "Pre and post
build hooks" and "platform.local.txt" in Arduino's "Platform specification".
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import SettingsError
from acpublish.platformio_ini.files import read_if_there

_HOOK = "recipe.hooks.objcopy.postobjcopy.90.pattern"
_MODULE = "-m acpublish.arduino"
_COMMENT = "# acpublish publishes each image that is built; see acpublish init --arduino."


@dataclass(frozen=True, slots=True, kw_only=True)
class ArduinoChange:
    """The core's platform.local.txt before and after the change; None if it does not exist."""

    path: Path
    before: str | None
    after: str | None


def build_property() -> str:
    """Returns the hook as one property, for ``arduino-cli compile --build-property``."""
    python = Path(sys.executable).as_posix()
    return (
        f'{_HOOK}="{python}" {_MODULE} "{{build.path}}/{{build.project_name}}.bin"'
        ' --sketch "{build.source.path}" --fqbn "{build.fqbn}" --mcu "{build.mcu}"'
        ' --ldscript "{build.flash_ld}"'
    )


def arduino_change(core: Path, *, undo: bool = False) -> ArduinoChange:
    """Determines what to write into a core's folder; nothing is written yet.

    Args:
        core: The folder that the core's platform.txt is in.
        undo: Whether the hook is to be removed.

    Raises:
        SettingsError: It is not a core's folder, or another hook has the same name.
    """
    if not os.path.isfile(core / "platform.txt"):  # noqa: PTH113 - it never raises an error
        raise SettingsError(
            f"there is no platform.txt in {core.resolve()}",
            hint="Use the folder of the core, such as "
            "~/.arduino15/packages/esp8266/hardware/esp8266/3.1.2.",
        )
    path = core / "platform.local.txt"
    before = read_if_there(path)
    end = "\r\n" if before and "\r\n" in before else "\n"
    lines = (before or "").splitlines(keepends=True)
    others = [line for line in lines if line.strip() != _COMMENT and not _ours(line)]
    if undo:
        after = "".join(others)
        return ArduinoChange(path=path, before=before, after=after if after.strip() else None)
    if any(line.partition("=")[0].strip() == _HOOK for line in others):
        raise SettingsError(
            f"{path} already contains another {_HOOK}",
            hint="Change the number 90 in its name, or use arduino-cli with the line that "
            "acpublish init --arduino-cli prints.",
        )
    if any(map(_ours, lines)) and f"{build_property()}{end}" in lines:
        return ArduinoChange(path=path, before=before, after=before)
    kept = "".join(others)
    kept += "" if not kept or kept.endswith("\n") else end
    after = f"{kept}{_COMMENT}{end}{build_property()}{end}"
    return ArduinoChange(path=path, before=before, after=after)


def _ours(line: str) -> bool:
    return line.startswith(f"{_HOOK}=") and _MODULE in line
