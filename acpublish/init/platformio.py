"""What ``acpublish init`` writes into a PlatformIO project, and removes again.

The extra script goes next to platformio.ini, and at most three options into it: the script, the
destination and the source of the version. Existing content is kept. A comment marks the last two if
they were written here, so ``--undo`` removes no others; the script's entry goes with the script.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import AcpublishError, SettingsError
from acpublish.init.scripts import is_editable, other_scripts, with_script, without_script
from acpublish.input_files import expanded
from acpublish.platformio_ini.editor import SCRIPTS, IniEditor
from acpublish.platformio_ini.extra_script import (
    ENTRY,
    SCRIPT,
    is_current,
    is_script,
    is_unedited,
    packaged_script,
)
from acpublish.platformio_ini.files import read, read_if_there
from acpublish.platformio_ini.reader import BuiltinReader
from acpublish.publishing.git import git_state
from acpublish.settings.layers import environment
from acpublish.settings.same_devices import rivals_among, same_devices
from acpublish.settings.values import Settings, files_of, settings_of_environments

DEFAULT_TO = "~/firmware"
_TO, _VERSION = "custom_ota_to", "custom_ota_version"
_FIRST_VERSION = "0.1.0\n"
_VERSION_FILE = "VERSION"
_OURS = "; acpublish init"
_OURS_WITH_FILE = f"{_OURS}, with {_VERSION_FILE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file before and after the change; None if it does not exist."""

    path: Path
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """What is to be written.

    Attributes:
        files: The files that change.
        directories: The directories to create.
        environments: The environments of the project, each with platform and framework.
        notes: What is left as it is, and why; one line each.
    """

    files: tuple[FileChange, ...]
    directories: tuple[Path, ...] = ()
    environments: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def project_change(
    root: Path, to: str | None, version: str | None, environ: Mapping[str, str]
) -> ProjectChange:
    """Determines what to write into a project; nothing is written yet.

    Args:
        root: The folder that platformio.ini is in.
        to: A directory or the URL of a server; None for ``~/firmware``.
        version: The source of the version; None to choose one that the project has.
        environ: The environment variables; what they or a settings file set is not written.

    Raises:
        SettingsError: There is no project, or it cannot be read.
    """
    main = root / "platformio.ini"
    project = BuiltinReader(root)
    environments = project.environments()
    if not environments:
        raise SettingsError(
            f"{main} has no environment",
            hint="Add one, such as [env:d1_mini], with platform, board and framework.",
        )
    files, notes, missing = [_script(root)], list[str](), []
    settings = Settings(environment(environ), files=files_of(root, environ))
    elsewhere = {name for name in ("to", "version") if settings.text(name)}
    if _is_missing(_TO, to, notes, elsewhere, project):
        to = to or DEFAULT_TO
        missing.append((_TO, f"{to}  {_OURS}"))
    if _is_missing(_VERSION, version, notes, elsewhere, project):
        source, version_file = _version_source(root, version)
        creates_file = version_file.before != version_file.after
        missing.append((_VERSION, f"{source}  {_OURS_WITH_FILE if creates_file else _OURS}"))
        files.append(version_file)
    editor = IniEditor(project.texts[main])
    nowhere = any(project.section_of(name, SCRIPTS) is None for name in environments)
    scripts = [(SCRIPTS, ENTRY)] if nowhere else []
    own = f"env:{environments[0]}"
    section = own if len(environments) == 1 and own in editor.sections() else "env"
    if scripts or missing:
        editor.set(section, [*scripts, *missing])
    written = BuiltinReader(root, texts={**project.texts, main: editor.text})
    written = with_script(root, written, notes, new=section if nowhere else None)
    _verify(root, project, written)
    notes += _same_devices(root, written, environ)
    # platformio.ini comes last, because it refers to the other files.
    files += [
        FileChange(path=path, before=before, after=written.texts[path])
        for path, before in sorted(project.texts.items(), key=lambda item: item[0] == main)
    ]
    return ProjectChange(
        files=_changed(files),
        directories=_directories(root, editor),
        environments=tuple(_described(project, name) for name in environments),
        notes=tuple(notes),
    )


def _verify(root: Path, before: BuiltinReader, after: BuiltinReader) -> None:
    """Refuses a change after which an environment would not be as before, with the script once."""
    for name in before.environments():
        section = after.section_of(name, SCRIPTS)
        file = after.file_of(section, SCRIPTS) if section else None
        count = sum(map(is_script, after.scripts(name)))
        by_hand = count == 0 and file is not None and not is_editable(root, file)
        changed = [
            option
            for option in before.options(name)
            if option != SCRIPTS
            and option not in (_TO, _VERSION)
            and before.option(name, option) != after.option(name, option)
        ]
        if other_scripts(before, name) != other_scripts(after, name):
            changed.append(SCRIPTS)
        if changed or not (count == 1 or by_hand):
            what = changed[0] if changed else SCRIPTS
            raise SettingsError(
                f"the extra script cannot be added to the environment {name} without a change of "
                f"{what}",
                hint=f"Add {ENTRY} to its {SCRIPTS} by hand.",
            )


def undo_change(root: Path) -> ProjectChange:
    """Determines what :func:`project_change` wrote that still exists.

    Raises:
        SettingsError: There is no project, or it cannot be read.
    """
    main = root / "platformio.ini"
    editor, notes, with_file = IniEditor(read(main)), [], False
    for section in editor.sections():
        for option in (_VERSION, _TO):
            comment = editor.comment(section, option)
            if comment in (_OURS, _OURS_WITH_FILE):
                with_file |= comment == _OURS_WITH_FILE
                editor.remove(section, option)
    files = [
        FileChange(
            path=path,
            before=text,
            after=without_script(editor if path == main else IniEditor(text)),
        )
        for path, text in _texts(root).items()
    ]
    unedited: dict[str, Callable[[str], bool]] = {SCRIPT: is_unedited}
    if with_file:
        unedited[_VERSION_FILE] = _FIRST_VERSION.__eq__
    for name, is_ours in unedited.items():
        content = read_if_there(root / name)
        if content is not None and is_ours(content):
            files.append(FileChange(path=root / name, before=content, after=None))
        elif content is not None:
            notes.append(f"{name} is kept, because it was edited")
    return ProjectChange(files=_changed(files), notes=tuple(notes))


def _texts(root: Path) -> dict[Path, str]:
    """Returns the texts of the project's files, platformio.ini first."""
    try:
        texts = BuiltinReader(root).texts
    except SettingsError:
        # What a broken project contains can be removed all the same.
        main = root / "platformio.ini"
        return {main: read(main)}
    return {path: text for path, text in texts.items() if is_editable(root, path)}


def _directories(root: Path, editor: IniEditor) -> tuple[Path, ...]:
    """Returns the missing directories to publish to that were written here.

    A missing directory that somebody set by hand may only be unmounted.
    """
    destinations = {
        editor.value(section, _TO) or ""
        for section in editor.sections()
        if editor.comment(section, _TO) == _OURS
    }
    local = [root / expanded(to) for to in sorted(destinations) if "://" not in to]
    return tuple(path for path in local if not os.path.isdir(path))  # noqa: PTH112


def _is_missing(
    option: str,
    wanted: str | None,
    notes: list[str],
    elsewhere: Collection[str],
    project: BuiltinReader,
) -> bool:
    """Returns whether an option is to be written; adds a note if a wanted value is not."""
    if all(project.option(name, option) for name in project.environments()):
        if wanted is not None:
            notes.append(f"{option} is kept as it is: change it in platformio.ini")
        return False
    return wanted is not None or option.removeprefix("custom_ota_") not in elsewhere


def _same_devices(root: Path, project: BuiltinReader, environ: Mapping[str, str]) -> list[str]:
    """Returns a note on environments that devices could not tell apart."""
    settings_of = settings_of_environments(project, environ, root)
    options = {}
    for name in project.device_environments():
        # What is wrong with a setting is reported when it is used.
        with contextlib.suppress(AcpublishError):
            options[name] = settings_of(name).publish_options()
    rivals = rivals_among(project, options)
    return [f"{each.problem}. {each.hint}" for each in same_devices(options, rivals)]


def _version_source(root: Path, wanted: str | None) -> tuple[str, FileChange]:
    content = read_if_there(root / _VERSION_FILE)
    unchanged = FileChange(path=root / _VERSION_FILE, before=content, after=content)
    if wanted is not None:
        return wanted, unchanged
    if content is not None and content.strip():
        return f"file:{_VERSION_FILE}", unchanged
    try:
        if git_state(root).tagged:
            return "git", unchanged
    except AcpublishError:
        pass
    return f"file:{_VERSION_FILE}", FileChange(
        path=root / _VERSION_FILE, before=content, after=_FIRST_VERSION
    )


def _script(root: Path) -> FileChange:
    content = read_if_there(root / SCRIPT)
    after = content
    # An edited script does what its owner wants.
    if not content or (is_unedited(content) and not is_current(content)):
        after = packaged_script()
    return FileChange(path=root / SCRIPT, before=content, after=after)


def _described(project: BuiltinReader, environment: str) -> str:
    values = [project.option(environment, option) for option in ("platform", "framework")]
    known = ", ".join(" ".join(value.split()) for value in values if value)
    return f"{environment} ({known})" if known else environment


def _changed(files: list[FileChange]) -> tuple[FileChange, ...]:
    return tuple(file for file in files if file.before != file.after)
