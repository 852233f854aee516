"""Checks that each environment of a PlatformIO project runs the extra script correctly."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from acpublish.doctor.findings import Examination, Finding, error, warning
from acpublish.platformio_ini.editor import SCRIPTS
from acpublish.platformio_ini.extra_script import (
    SCRIPT,
    SHORT_SCRIPT,
    is_current,
    is_unedited,
    path_of,
)
from acpublish.platformio_ini.reader import BuiltinReader

#: A script that calls the hook contains this, whatever its name.
_CALL = "acpublish.pio"
_DEFINE = re.compile(r"-D\s*(?P<name>\w+)\s*=")
#: A macro with the version of the firmware, not of a library or a protocol.
_VERSION_MACRO = re.compile(
    r"((FW|FIRMWARE|APP|SW|SOFTWARE|SKETCH|PROJECT|PRODUCT|PROGRAM|BUILD|GIT)_?)?"
    r"(VERSION|VER|REV)(_STR(ING)?)?",
    re.IGNORECASE,
)


def hooks_of(directory: Path, project: BuiltinReader) -> dict[str, list[str]]:
    """Returns the entries of ``extra_scripts`` that call acpublish, for each environment.

    Args:
        directory: The project's.
        project: Its platformio.ini.
    """
    # Many environments have the same scripts, which are read once.
    is_hook = functools.cache(functools.partial(_is_hook, directory))
    return {
        name: [entry for entry in project.scripts(name) if is_hook(path_of(entry))]
        for name in project.device_environments()
    }


def check_scripts(
    directory: Path, project: BuiltinReader, hooks: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """Examines platformio.ini and the extra script.

    Args:
        directory: The project's.
        project: Its platformio.ini.
        hooks: The result of :func:`hooks_of`.
    """
    examination = Examination()
    fine = "each environment has the extra script"
    duplicates = _duplicates(project, hooks)
    examination.record("extra-scripts", fine, [*_unhooked(project, hooks), *duplicates])
    if named := {path_of(entry) for entries in hooks.values() for entry in entries}:
        fine = "the extra script is that of this version"
        examination.record("script", fine, _script(directory, named))
        fine = "it runs after PlatformIO's own scripts"
        examination.record("post", fine, _too_early(project, hooks))
    fine = "no version in build_flags forces a full rebuild"
    examination.record("build-flags", fine, _version_flags(project))
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
            what = f"{path} is missing, and each build needs it to call acpublish"
            yield error("script", what, "Run acpublish init.")
        elif not is_current(text) and text.strip() != SHORT_SCRIPT.strip():
            what = f"{path} is not the extra script of this version of acpublish"
            replaced = path == SCRIPT and is_unedited(text)
            by_hand = f"Unless you changed it on purpose, delete {path} and run acpublish init."
            yield warning("script", what, "Run acpublish init." if replaced else by_hand)


def _unhooked(project: BuiltinReader, hooks: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    without = [name for name, entries in hooks.items() if not entries]
    if len(without) == len(hooks):
        what = "extra_scripts does not include acpublish's script, so nothing is published"
        yield error("extra-scripts", what, "Run acpublish init.")
        return
    entries = [entry for scripts in hooks.values() for entry in scripts]
    for name in without:
        section = project.section_of(name, SCRIPTS)
        if section in (None, "env") or not set(entries) & set(project.entries("env", SCRIPTS)):
            yield warning(
                "extra-scripts",
                f"the environment {name} does not have the extra script, so it is not published",
                f"To publish it, set extra_scripts = {entries[0]} in [env:{name}].",
            )
        else:
            yield error(
                "extra-scripts",
                f"extra_scripts in [{section}] replaces that of [env], so the environment {name} "
                "is not published",
                f"Add {entries[0]} to extra_scripts in [{section}], or run acpublish init.",
            )


def _duplicates(project: BuiltinReader, hooks: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for name, entries in hooks.items():
        if len(entries) > 1:
            yield error(
                "extra-scripts",
                f"the environment {name} has the extra script more than once, and each run of it "
                "fails",
                f"Remove one from extra_scripts in [{project.section_of(name, SCRIPTS)}], or from "
                "an option that it refers to.",
            )


def _too_early(project: BuiltinReader, hooks: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for name, entries in hooks.items():
        for entry in entries:
            if entry.startswith("pre:"):
                yield error(
                    "post",
                    f"{entry} runs before PlatformIO's own scripts, which then discard what it "
                    "sets up",
                    f"Write post:{path_of(entry)} in [{project.section_of(name, SCRIPTS)}].",
                )


def _version_flags(project: BuiltinReader) -> Iterator[Finding]:
    for name in project.device_environments():
        for define in _DEFINE.finditer(project.option(name, "build_flags") or ""):
            if _VERSION_MACRO.fullmatch(define["name"]):
                yield warning(
                    "build-flags",
                    f"-D{define['name']}=… in build_flags forces a full rebuild for each version",
                    f"Remove it, and use ACPUBLISH_VERSION of acpublish.h for {define['name']}.",
                )
