"""Adds the extra script to the ``extra_scripts`` that the environments use, to each exactly once.

1. The first section that has the option provides all of it, so the entry goes to that section.
2. ``${section.extra_scripts}`` brings the entries of another section along. Sections that others
   refer to are therefore decided on first, whatever their order in the files.
3. The result is read again before it is written: every other entry must be as it was.

A file of ``extra_configs`` is edited like platformio.ini if it is in the project's folder.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from pathlib import Path

from acpublish.errors import SettingsError
from acpublish.platformio_ini.editor import SCRIPTS, IniEditor
from acpublish.platformio_ini.extra_script import ENTRY, SCRIPT, is_script
from acpublish.platformio_ini.reader import BuiltinReader

#: The entries that init writes, or that its earlier versions or a user may have written.
_OWN_ENTRIES = (ENTRY, SCRIPT, f"pre:{SCRIPT}")


class _TwiceError(Exception):
    """An environment would have the script twice."""


def with_script(
    root: Path, project: BuiltinReader, notes: list[str], *, new: str | None = None
) -> BuiltinReader:
    """Returns the project with the script in each environment that has ``extra_scripts``.

    Args:
        root: The project's folder.
        project: The project, with the texts of its files.
        notes: Gets a line for each change that has to be made by hand.
        new: The section that just got the option, for the environments that had none.

    Raises:
        SettingsError: An environment would not have the script exactly once.
    """
    # PlatformIO would silently drop the targets of a script that is run there.
    project = _edited(
        root, project, lambda ini, name: ini.change_entry(name, SCRIPTS, _OWN_ENTRIES[2], ENTRY)
    )
    try:
        return _added(root, project, notes)
    except _TwiceError:
        # The script is somewhere that another section brings along as well.
        project = _edited(
            root, project, lambda ini, name: None if name == new else _remove(ini, name)
        )
    try:
        return _added(root, project, notes)
    except _TwiceError as fault:
        raise SettingsError(
            f"the environment {fault} would have the extra script twice, because its {SCRIPTS} "
            "include those of more than one other environment",
            hint="In them, write the names of the scripts instead of one of the references, "
            "then run acpublish init again.",
        ) from fault


def is_editable(root: Path, path: Path) -> bool:
    """Returns whether a file is in the project's folder, and so belongs to the project."""
    return root.resolve() in path.resolve().parents


def without_script(ini: IniEditor) -> str:
    """Returns the text of a file without the entries of the extra script."""
    for section in ini.sections():
        _remove(ini, section)
    return ini.text


def _remove(ini: IniEditor, section: str) -> None:
    for entry in _OWN_ENTRIES:
        ini.remove_entry(section, SCRIPTS, entry)


def _added(root: Path, project: BuiltinReader, notes: list[str]) -> BuiltinReader:
    sections = _sections_to_edit(project)
    files = {name: project.file_of(name, SCRIPTS) for name in sections}
    own = [name for name, path in files.items() if path and is_editable(root, path)]
    after, broken = _with_entries(root, project, own, frozenset())
    if broken:
        # Whether an entry can be on a separate line depends on the options that refer to it.
        referred = {name for each in broken for name in project.script_sections(each)}
        after, broken = _with_entries(root, project, own, referred)
    if broken:
        section = [name for name in project.script_sections(broken[0]) if name in own][-1]
        raise SettingsError(
            f"{SCRIPTS} of the environment {broken[0]} includes that of [{section}] within a line, "
            "which breaks if a script is added there",
            hint=f"Write each entry of {SCRIPTS} on a separate line, then run acpublish init "
            "again.",
        )
    notes += [
        f"[{name}] is in {path}, outside of this project: add {ENTRY} to its {SCRIPTS} by hand"
        for name, path in files.items()
        if name not in own
    ]
    return after


def _sections_to_edit(project: BuiltinReader) -> list[str]:
    """Returns the sections that need the entry, so that each environment has it once.

    Raises:
        _TwiceError: An environment would have it more than once.
    """
    parts, users = dict[str, Counter[str]](), defaultdict[str, list[str]](list)
    for name in project.environments():
        section = project.section_of(name, SCRIPTS)
        if section is not None:
            parts[name] = project.script_sections(name)
            users[section].append(name)
    chosen: list[str] = []
    # What a section refers to has fewer parts than itself.
    for section in sorted(users, key=lambda section: parts[users[section][0]].total()):
        missing = set()
        for name in users[section]:
            there = sum(map(is_script, project.scripts(name)))
            there += sum(parts[name][other] for other in chosen)
            if there > 1:
                raise _TwiceError(name)
            missing.add(not there)
        if missing == {True}:
            chosen.append(section)
        elif len(missing) > 1:
            raise _TwiceError(users[section][0])
    return chosen


def _with_entries(
    root: Path, project: BuiltinReader, sections: Collection[str], one_line: Collection[str]
) -> tuple[BuiltinReader, list[str]]:
    """Returns the project with the entry in some sections, and the environments that this breaks.

    Args:
        root: The project's folder.
        project: The project.
        sections: The sections to edit.
        one_line: The sections in which the entry goes behind the others, after a comma.
    """

    def add(ini: IniEditor, name: str) -> None:
        if name in sections:
            ini.add_entry(name, SCRIPTS, ENTRY, one_line=True if name in one_line else None)

    after = _edited(root, project, add)
    broken = [
        name
        for name in project.environments()
        if other_scripts(project, name) != other_scripts(after, name)
    ]
    return after, broken


def _edited(
    root: Path, project: BuiltinReader, edit: Callable[[IniEditor, str], None]
) -> BuiltinReader:
    """Returns the project after an edit of each section that provides ``extra_scripts``."""
    sections = defaultdict[Path, list[str]](list)
    for name, path in project.providers(SCRIPTS).items():
        if is_editable(root, path):
            sections[path].append(name)
    texts = dict(project.texts)
    for path, names in sections.items():
        ini = IniEditor(texts[path])
        for name in names:
            edit(ini, name)
        texts[path] = ini.text
    return project if texts == project.texts else BuiltinReader(root, texts=texts)


def other_scripts(project: BuiltinReader, environment: str) -> list[str]:
    """Returns the entries of an environment's ``extra_scripts`` that are not the extra script."""
    return [entry for entry in project.scripts(environment) if not is_script(entry)]
