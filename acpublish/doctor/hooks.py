"""Examines a PlatformIO project: whether each environment runs the extra script as it has to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from acpublish.doctor.findings import Examination, Finding, error, warning
from acpublish.platformio_ini.extra_script import SCRIPT, packaged_script, path_of
from acpublish.platformio_ini.options import Options

__all__ = ["check_scripts", "hooks_of"]

#: What a script has that calls the hook, whatever its name.
_CALL = "acpublish.pio"
_DEFINE = re.compile(r"-D\s*(?P<name>\w+)\s*=")
#: A macro with the firmware's version, and not with that of a library or a protocol.
_VERSION_MACRO = re.compile(
    r"((FW|FIRMWARE|APP|SW|SOFTWARE|SKETCH|PROJECT|PRODUCT|PROGRAM|BUILD|GIT)_?)?"
    r"(VERSION|VER|REV)(_STR(ING)?)?",
    re.IGNORECASE,
)


def hooks_of(directory: Path, options: Options) -> dict[str, list[str]]:
    """Returns the entries of ``extra_scripts`` that call acpublish, for each environment.

    Args:
        directory: The project's.
        options: What its platformio.ini says.
    """
    return {
        name: [one for one in options.scripts(name) if _is_hook(directory, path_of(one))]
        for name in options.environments()
    }


def check_scripts(
    directory: Path, options: Options, hooks: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """Examines platformio.ini and the extra script.

    Args:
        directory: The project's.
        options: What its platformio.ini says.
        hooks: What :func:`hooks_of` found.
    """
    examination = Examination()
    fine = "each environment names the extra script"
    twice = _twice(options, hooks)
    examination.look_at("extra-scripts", fine, [*_unhooked(options, hooks), *twice])
    if named := {path_of(entry) for entries in hooks.values() for entry in entries}:
        fine = "the extra script is there, as this version has it"
        examination.look_at("script", fine, _script(directory, named))
        fine = "it is run after PlatformIO's own scripts"
        examination.look_at("post", fine, _too_early(options, hooks))
    fine = "no version in build_flags has everything compiled anew"
    examination.look_at("build-flags", fine, _version_flags(options))
    return examination.findings()


def _is_hook(directory: Path, path: str) -> bool:
    return Path(path).name == SCRIPT or _CALL in (_text(directory / path) or "")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _script(directory: Path, named: set[str]) -> Iterator[Finding]:
    for path in sorted(named):
        text = _text(directory / path)
        if text is None:
            what = f"there is no {path}, which has to call acpublish in each build"
            yield error("script", what, "Run acpublish init.")
        elif text != packaged_script():
            what = f"{path} is not the extra script of this version of acpublish"
            yield warning(
                "script",
                what,
                f"Unless you wrote it so: delete {path}, and run acpublish init.",
            )


def _unhooked(options: Options, hooks: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    without = [name for name, entries in hooks.items() if not entries]
    if len(without) == len(hooks):
        what = "extra_scripts names no script of acpublish, so that nothing is published"
        yield error("extra-scripts", what, "Run acpublish init.")
        return
    entries = [entry for found in hooks.values() for entry in found]
    for name in without:
        section = options.section_of_scripts(name)
        if section in (None, "env") or not set(entries) & set(options.common_scripts()):
            yield warning(
                "extra-scripts",
                f"the environment {name} does not name the extra script, and is not published",
                f"If it is to be: extra_scripts = {entries[0]} in [env:{name}].",
            )
        else:
            yield error(
                "extra-scripts",
                f"extra_scripts in [{section}] replaces that of [env], so that the environment "
                f"{name} is not published",
                f"Add {entries[0]} to extra_scripts in [{section}], or run acpublish init.",
            )


def _twice(options: Options, hooks: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for name, entries in hooks.items():
        if len(entries) > 1:
            yield error(
                "extra-scripts",
                f"the environment {name} has the extra script more than once, and each run of it "
                "fails",
                f"Take one out of extra_scripts in [{options.section_of_scripts(name)}], or of "
                "what it refers to.",
            )


def _too_early(options: Options, hooks: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for name, entries in hooks.items():
        for entry in entries:
            if entry.startswith("pre:"):
                yield error(
                    "post",
                    f"{entry} is run before PlatformIO's own scripts, which then drop what it "
                    "sets up",
                    f"Write post:{path_of(entry)} in [{options.section_of_scripts(name)}].",
                )


def _version_flags(options: Options) -> Iterator[Finding]:
    for name in options.environments():
        for found in _DEFINE.finditer(options.flags(name)):
            if _VERSION_MACRO.fullmatch(found["name"]):
                yield warning(
                    "build-flags",
                    f"-D{found['name']}=… in build_flags has everything compiled anew for each "
                    "version",
                    f"Take it out, and use ACPUBLISH_VERSION of acpublish.h for {found['name']}.",
                )
