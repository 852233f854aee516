"""What one PlatformIO run was asked to do: its targets and its arguments.

The arguments are those of ``pio run -t upload_ota -a --channel -a beta``: the options of
``acpublish publish`` that decide what is published where.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from acpublish.errors import SettingsError
from acpublish.settings.layers import Layer, flags
from acpublish.settings.setting_names import LISTS

UPLOAD_OTA, UPLOADFS_OTA = "upload_ota", "uploadfs_ota"
OTA_CHECK, OTA_STATUS, OTA_PROMOTE = "ota_check", "ota_status", "ota_promote"
#: The targets that the hook adds.
OWN_TARGETS = frozenset({UPLOAD_OTA, UPLOADFS_OTA, OTA_CHECK, OTA_STATUS, OTA_PROMOTE})
#: With these, PlatformIO builds only the filesystem image, and the firmware has no builder.
_FILESYSTEM = frozenset({"buildfs", "uploadfs", "uploadfsota"})
#: Targets of runs that build something other than the project's firmware.
_OTHER_PROGRAM = _FILESYSTEM | {"__debug", "__test"}
#: Targets that build no image; the hook leaves a run alone that has no others.
_REPORTING = frozenset({"checkprogsize", "compiledb", "envdump", "size", "sizedata"})
#: Targets that are known to build the image, besides a run without any target.
_BUILDING = frozenset({"buildprog", "upload"})
_NO_BUILD = "nobuild"

#: The names of the options that take a value, with the setting that each one sets.
_VALUES = {
    "--to": "to",
    "--product": "product",
    "--version": "version",
    "--board": "board",
    "--channel": "channel",
    "--core": "core",
    "--no-downgrade-below": "no_downgrade_below",
    "--requires": "requires",
    "--by": "by",
    "--partitions": "partitions",
    "--signing-key": "signing_key",
    "--key": "signing_key",
    "--secret-scan": "secret_scan",
    "--skip-check": "skip_checks",
    "--accept-secret": "accept_secrets",
    "--ca": "ca",
}
_SWITCHES = {"--compress": "compress", "--insecure-http": "insecure_http"}
#: The arguments of a run, for a run of the same environment that PlatformIO starts in it.
_HANDED_ON = "ACPUBLISH_RUN_ARGUMENTS"
_OPTION = re.compile(r"--?[a-z]{1,12}(?:-[a-z]{1,12}){0,2}")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The targets of a run, and what they mean for the hook.

    Attributes:
        targets: Each ``-t`` of ``pio run``; empty for a plain ``pio run``.
    """

    targets: frozenset[str]

    @property
    def has_own_target(self) -> bool:
        """Whether one of the hook's own targets is requested."""
        return bool(self.targets & OWN_TARGETS)

    @property
    def builds_other_program(self) -> bool:
        """Whether the run builds a filesystem image, a test or a debug build."""
        return bool(self.targets & _OTHER_PROGRAM)

    @property
    def needs_no_hook(self) -> bool:
        """Whether the hook has nothing to do in the run."""
        only_reports = bool(self.targets) and self.targets <= _REPORTING
        return not self.has_own_target and (self.builds_other_program or only_reports)

    @property
    def skips_build(self) -> bool:
        """Whether PlatformIO is to use the existing image."""
        return _NO_BUILD in self.targets

    @property
    def builds_filesystem(self) -> bool:
        """Whether the hook has to build the filesystem image, because no other target does."""
        others = self.targets & (_FILESYSTEM | {_NO_BUILD})
        return UPLOADFS_OTA in self.targets and not others

    @property
    def publishes(self) -> bool:
        """Whether a target asks to publish an image."""
        return bool(self.targets & {UPLOAD_OTA, UPLOADFS_OTA})

    @property
    def needs_plan(self) -> bool:
        """Whether a target needs to know what would be published where."""
        return bool(self.targets & (OWN_TARGETS - {OTA_STATUS, OTA_PROMOTE}))

    @property
    def may_publish_on_build(self) -> bool:
        """Whether an image that the run builds is published if publishing on build is set."""
        return not (self.has_own_target or self.builds_other_program or self.skips_build)

    @property
    def builds_image(self) -> bool:
        """Whether the run is certain to build the image, or to find it up to date."""
        return not self.targets or bool(self.targets & _BUILDING)

    @property
    def needs_image(self) -> bool:
        """Whether the run needs the image of the firmware."""
        return self.builds_image or bool(self.targets & {UPLOAD_OTA, OTA_CHECK})

    @property
    def conflict(self) -> tuple[str, str] | None:
        """One target that needs firmware and one that keeps PlatformIO from building it."""
        firmware = sorted(self.targets & {UPLOAD_OTA, OTA_CHECK})
        filesystem = sorted(self.targets & _FILESYSTEM)
        return (firmware[0], filesystem[0]) if firmware and filesystem else None


def run_arguments(env: Any) -> list[str]:
    """Returns the arguments of a run: each ``-a``, in order.

    With ``custom_sdkconfig``, pioarduino first builds the libraries of ESP-IDF and then the program
    in a ``pio run`` of its own, which gets the targets but not the arguments
    (platform-espressif32 55.03.311, ``builder/frameworks/espidf.py``: ``idf_lib_copy``). They are
    therefore handed on to processes of this run, and used for the same environment only.
    """
    environment = [env.subst("$PROJECT_DIR"), str(env["PIOENV"])]
    given = env.get("PROGRAM_ARGS") or []
    words = shlex.split(given) if isinstance(given, str) else list(map(str, given))
    if words:
        env["ENV"][_HANDED_ON] = json.dumps([*environment, *words])
        return words
    try:
        handed_on = json.loads(env["ENV"].get(_HANDED_ON, "[]"))
    except ValueError:
        return []
    if not isinstance(handed_on, list) or handed_on[:2] != environment:
        return []
    return list(map(str, handed_on[2:]))


def program_arguments(words: Sequence[str]) -> Layer | None:
    """Returns the settings layer of a run's arguments; None if there are none.

    Args:
        words: Each ``-a`` of ``pio run``, in order. A value follows its option, or an ``=`` in it.

    Raises:
        SettingsError: An argument is not a known option, or has no value.
    """
    values: dict[str, str | None] = {}
    for name, value in _pairs(words):
        earlier = values.get(name)
        separator = LISTS.get(name)
        values[name] = f"{earlier}{separator}{value}" if earlier and separator else value
    return flags(values) if values else None


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option in _SWITCHES and not equals:
            yield _SWITCHES[option], "yes"
        elif option in _VALUES:
            if not equals:
                value = next(rest, "")
            if not value or (not equals and value.startswith("--")):
                raise SettingsError(
                    f"the argument {option} has no value",
                    hint=f"Use pio run -t upload_ota -a {option} -a VALUE.",
                )
            yield _VALUES[option], value
        else:
            known = ", ".join([*_VALUES, *_SWITCHES])
            # A secret may have been passed here by mistake, so a word is never repeated.
            shown = option if _OPTION.fullmatch(option) else "a word"
            raise SettingsError(
                f"the arguments of the run contain {shown}, which is not a valid option",
                hint=f"Use one of {known}; pass a token in ACPUBLISH_TOKEN.",
            )
