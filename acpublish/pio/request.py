"""The arguments of a run, as in ``pio run -t upload_ota -a --channel -a beta``.

They are those options of ``acpublish publish`` that say what is published where.

What a run of PlatformIO is asked for, and what that means for the hook.

The hook's targets, which ``pio run --list-targets`` shows with titles and descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from acpublish.errors import SettingsError
from acpublish.pio.actions import ota_check, ota_status, upload_ota, uploadfs_ota
from acpublish.settings.layers import Layer, flags
from acpublish.settings.names import LISTS

__all__ = [
    "IMAGE",
    "OTA_CHECK",
    "OTA_STATUS",
    "OURS",
    "UPLOADFS_OTA",
    "UPLOAD_OTA",
    "Asked",
    "add_targets",
    "program_arguments",
]

#: Options with a value, by the names of the settings.
_VALUES = {
    "--to": "to",
    "--product": "product",
    "--version": "version",
    "--board": "board",
    "--channel": "channel",
    "--core": "core",
    "--partitions": "partitions",
    "--signing-key": "signing_key",
    "--key": "signing_key",
    "--secret-scan": "secret_scan",
    "--skip-check": "skip_checks",
    "--accept-secret": "accept_secrets",
}
_SWITCHES = {"--compress": "compress", "--insecure-http": "insecure_http"}
_OPTION = re.compile(r"--?[a-z]{1,12}(?:-[a-z]{1,12}){0,2}")


def program_arguments(given: Sequence[str]) -> Layer | None:
    """Returns the layer of the arguments of a run; None where there are none.

    Args:
        given: Each ``-a`` of ``pio run``, in order; a value follows its option or an ``=`` in it.

    Raises:
        SettingsError: An argument is no option, or has no value.
    """
    values: dict[str, str | None] = {}
    for name, value in _pairs(given):
        held = values.get(name)
        join = LISTS.get(name)
        values[name] = f"{held}{join}{value}" if held and join else value
    return flags(values) if values else None


def _pairs(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    left = iter(given)
    for one in left:
        option, equals, value = one.partition("=")
        if option in _SWITCHES and not equals:
            yield _SWITCHES[option], "yes"
        elif option in _VALUES:
            if not equals:
                value = next(left, "")
            if not value or (not equals and value.startswith("--")):
                raise SettingsError(
                    f"the argument {option} has no value",
                    hint=f"Write -a {option} -a VALUE behind pio run -t upload_ota.",
                )
            yield _VALUES[option], value
        else:
            known = ", ".join([*_VALUES, *_SWITCHES])
            # It may be a secret that slipped into another place, so that it is not repeated.
            shown = option if _OPTION.fullmatch(option) else "a word"
            raise SettingsError(
                f"the arguments of the run have {shown}, which is no option there",
                hint=f"There are {known}; a token goes into ACPUBLISH_TOKEN.",
            )


UPLOAD_OTA, UPLOADFS_OTA = "upload_ota", "uploadfs_ota"
OTA_CHECK, OTA_STATUS = "ota_check", "ota_status"
OURS = frozenset({UPLOAD_OTA, UPLOADFS_OTA, OTA_CHECK, OTA_STATUS})
#: With these PlatformIO gives the image no builder: it builds the filesystem's image alone.
_FILESYSTEM = frozenset({"buildfs", "uploadfs", "uploadfsota"})
#: Runs that are about another program than this source's.
_OTHER_PROGRAM = _FILESYSTEM | {"__debug", "__test"}
#: Targets that make no image; a run that asks for nothing else is left alone.
_LOOKING = frozenset({"checkprogsize", "compiledb", "envdump", "size", "sizedata"})
#: Targets that are known to make an image, besides a run without any target.
_BUILDING = frozenset({"buildprog", "upload"})
_NO_BUILD = "nobuild"


@dataclass(frozen=True, slots=True)
class Asked:
    """The targets of a run; none for a plain ``pio run``."""

    targets: frozenset[str]

    @property
    def ours(self) -> bool:
        """Whether one of the hook's own targets is among them."""
        return bool(self.targets & OURS)

    @property
    def of_other_program(self) -> bool:
        """Whether the run is about a filesystem's image, a test or a debug build."""
        return bool(self.targets & _OTHER_PROGRAM)

    @property
    def is_none_of_ours(self) -> bool:
        """Whether the hook has nothing to do with the run."""
        looks = bool(self.targets) and self.targets <= _LOOKING
        return not self.ours and (self.of_other_program or looks)

    @property
    def builds_nothing(self) -> bool:
        """Whether PlatformIO shall take the image that is there."""
        return _NO_BUILD in self.targets

    @property
    def builds_filesystem(self) -> bool:
        """Whether the hook has to see to the filesystem's image, as no target of others does."""
        others = self.targets & (_FILESYSTEM | {_NO_BUILD})
        return UPLOADFS_OTA in self.targets and not others

    @property
    def publishes(self) -> bool:
        """Whether an image is to be published because a target says so."""
        return bool(self.targets & {UPLOAD_OTA, UPLOADFS_OTA})

    @property
    def plans(self) -> bool:
        """Whether one of the targets needs to know what would be published where."""
        return bool(self.targets & (OURS - {OTA_STATUS}))

    @property
    def may_publish_on_build(self) -> bool:
        """Whether an image that the run makes is published where each build is."""
        return not (self.ours or self.of_other_program or self.builds_nothing)

    @property
    def builds(self) -> bool:
        """Whether the run is sure to make the image, or to find it made."""
        return not self.targets or bool(self.targets & _BUILDING)

    @property
    def in_conflict(self) -> tuple[str, str] | None:
        """A target of ours and one of a filesystem, for which there is no firmware in the run."""
        firmware = sorted(self.targets & {UPLOAD_OTA, OTA_CHECK})
        filesystem = sorted(self.targets & _FILESYSTEM)
        return (firmware[0], filesystem[0]) if firmware and filesystem else None


#: A signed or encrypted image has another name, which the user's own script then publishes.
IMAGE = "$BUILD_DIR/${PROGNAME}.bin"


def add_targets(env: Any, filesystem: Any) -> None:
    """Adds the targets.

    Args:
        env: SCons' environment.
        filesystem: What makes the filesystem's image.
    """

    def add(name: str, needed: Any, action: Any, title: str, description: str) -> None:
        env.AddCustomTarget(
            name, needed, action, title=title, description=f"{description} (acpublish)"
        )

    add(
        UPLOAD_OTA,
        IMAGE,
        env.VerboseAction(upload_ota, "Publishing $SOURCE"),
        "Upload OTA",
        "Publish the firmware for updates over the air",
    )
    add(
        UPLOADFS_OTA,
        filesystem,
        env.VerboseAction(uploadfs_ota, "Publishing $SOURCE"),
        "Upload Filesystem OTA",
        "Build and publish the filesystem image",
    )
    add(
        OTA_CHECK,
        IMAGE,
        env.VerboseAction(ota_check, "Checking $SOURCE"),
        "Check OTA",
        "Make the checks of a publish, and publish nothing",
    )
    add(
        OTA_STATUS,
        None,
        env.VerboseAction(ota_status, "Looking at what is published"),
        "OTA Status",
        "Tell what is published, on which channels, and what devices run",
    )
