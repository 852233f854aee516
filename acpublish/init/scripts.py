"""Adds the extra script to each ``extra_scripts`` that an environment uses.

The first section that has the option provides all of it, so an entry goes to each such section.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acpublish.platformio_ini.editor import SCRIPTS, IniEditor
from acpublish.platformio_ini.extra_script import ENTRY, SCRIPT, is_script
from acpublish.platformio_ini.reader import BuiltinReader


def with_script(root: Path, before: str, environments: Sequence[str], notes: list[str]) -> str:
    """Returns platformio.ini with the script added to each ``extra_scripts`` that is used.

    Args:
        root: The project's folder.
        before: The content of platformio.ini.
        environments: The names of the environments.
        notes: Gets a line for each change that has to be made by hand.
    """
    text, project = before, BuiltinReader(root, before)
    providers = {name: project.section_of(name, SCRIPTS) for name in environments}
    # Sections that others refer to come first: ``${env.extra_scripts}`` brings their entries along.
    for name in sorted(environments, key=lambda name: (providers[name] or "").startswith("env:")):
        section, editor = providers[name], IniEditor(text)
        if section is None:
            continue
        if f"pre:{SCRIPT}" in editor.entries(section, SCRIPTS):
            # PlatformIO would silently drop the targets of a script that is run there.
            editor.change_entry(section, SCRIPTS, f"pre:{SCRIPT}", ENTRY)
            text, project = editor.text, BuiltinReader(root, editor.text)
        if any(map(is_script, project.scripts(name))):
            continue
        added = _added(root, text, project, section, environments)
        if added is None or not any(map(is_script, added[1].scripts(name))):
            notes.append(_by_hand(root, project, section))
        else:
            text, project = added
    notes[:] = dict.fromkeys(notes)
    return text


def _by_hand(root: Path, project: BuiltinReader, section: str) -> str:
    if not _is_own(root, project, section):
        return f"[{section}] is in a file of extra_configs: add {ENTRY} to its {SCRIPTS} by hand"
    return (
        f"{SCRIPTS} that refer to [{section}] need each entry on a separate line: change that, "
        "then run acpublish init again"
    )


def _is_own(root: Path, project: BuiltinReader, section: str) -> bool:
    """Returns whether platformio.ini provides a section's scripts, not a file of extra_configs."""
    return project.file_of(section, SCRIPTS) == root / "platformio.ini"


def _added(
    root: Path, text: str, before: BuiltinReader, section: str, environments: Sequence[str]
) -> tuple[str, BuiltinReader] | None:
    """Returns the text with the script in a section; None if that would break another entry.

    Whether an entry has to be on a separate line depends on the options that refer to it.
    """
    if not _is_own(root, before, section):
        return None
    for one_line in (None, True):
        editor = IniEditor(text)
        editor.add_entry(section, SCRIPTS, ENTRY, one_line=one_line)
        after = BuiltinReader(root, editor.text)
        if all(_others(before, name) == _others(after, name) for name in environments):
            return editor.text, after
    return None


def _others(project: BuiltinReader, environment: str) -> list[str]:
    return [entry for entry in project.scripts(environment) if entry != ENTRY]
