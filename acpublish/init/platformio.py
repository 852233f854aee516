"""What ``acpublish init`` writes into a PlatformIO project, and takes away again.

The extra script goes beside platformio.ini, and at most three options into it: the script, where to
publish, and where the version comes from. What is there already stays as it is. A comment tells
which of the two last were written here, so that no other is taken away; the script's entry goes
with the script.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import AcpublishError, SettingsError
from acpublish.init.scripts import with_script
from acpublish.platformio_ini.extra_script import ENTRY, SCRIPT, packaged_script
from acpublish.platformio_ini.files import merged, read, read_if_there, refuse_broken
from acpublish.platformio_ini.text import SCRIPTS, Ini
from acpublish.publishing.git import git_state

__all__ = [
    "DEFAULT_TO",
    "Change",
    "FileChange",
    "project_change",
    "undo_change",
]

DEFAULT_TO = "~/firmware"
_TO, _VERSION = "custom_ota_to", "custom_ota_version"
_FIRST_VERSION = "0.1.0\n"
_VERSION_FILE = "VERSION"
_OURS = "; acpublish init"
_OURS_WITH_FILE = f"{_OURS}, with {_VERSION_FILE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file before and after; None where it is not there."""

    path: Path
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be written.

    Attributes:
        files: Those that change.
        directories: Those to be made, if they are not there.
        environments: Those of the project, each with platform and framework.
        notes: What is left as it is, and why; one line each.
    """

    files: tuple[FileChange, ...]
    directories: tuple[Path, ...] = ()
    environments: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def project_change(
    root: Path, to: str | None, version: str | None, *, elsewhere: Collection[str] = ()
) -> Change:
    """Finds out what to write into a project; nothing is written yet.

    Args:
        root: The folder that platformio.ini is in.
        to: A directory or a server's address; None for ``~/firmware``.
        version: The version's source; None to choose one that the project has.
        elsewhere: Which of both another place says, ``to`` or ``version``; it is not written then.

    Raises:
        SettingsError: There is no project, or it cannot be read.
    """
    before = read(root / "platformio.ini")
    refuse_broken(root / "platformio.ini", before)
    whole = merged(root, before)
    environments = list(dict.fromkeys([*Ini(before).environments(), *whole.environments()]))
    if not environments:
        raise SettingsError(
            f"{root / 'platformio.ini'} has no environment",
            hint="Add one, such as [env:d1_mini], with platform, board and framework.",
        )
    files, notes, missing = [_script(root)], _same_board(whole, environments), []
    if _is_missing(_TO, to, notes, elsewhere, whole, environments):
        to = to or DEFAULT_TO
        missing.append((_TO, f"{to}  {_OURS}"))
    if _is_missing(_VERSION, version, notes, elsewhere, whole, environments):
        source, version_file = _version_source(root, version)
        wrote = version_file.before != version_file.after
        missing.append((_VERSION, f"{source}  {_OURS_WITH_FILE if wrote else _OURS}"))
        files.append(version_file)
    ini = Ini(with_script(root, before, whole, environments, notes))
    nowhere = any(whole.provider(name, SCRIPTS) is None for name in environments)
    scripts = [(SCRIPTS, ENTRY)] if nowhere else []
    own = f"env:{environments[0]}"
    section = own if len(environments) == 1 and own in ini.sections() else "env"
    if scripts or missing:
        ini.set(section, [*scripts, *missing])
    files.append(FileChange(path=root / "platformio.ini", before=before, after=ini.text))
    return Change(
        files=_changed(files),
        directories=_directories(root, ini),
        environments=tuple(_described(whole, name) for name in environments),
        notes=tuple(notes),
    )


def undo_change(root: Path) -> Change:
    """Finds out what :func:`project_change` wrote that is still there.

    Raises:
        SettingsError: There is no project, or it cannot be read.
    """
    before = read(root / "platformio.ini")
    ini, notes, with_file = Ini(before), [], False
    for section in ini.sections():
        for option in (_VERSION, _TO):
            comment = ini.comment(section, option)
            if comment in (_OURS, _OURS_WITH_FILE):
                with_file |= comment == _OURS_WITH_FILE
                ini.remove(section, option)
    for entry in (ENTRY, SCRIPT, f"pre:{SCRIPT}"):
        ini.remove_entry(SCRIPTS, entry)
    files = [FileChange(path=root / "platformio.ini", before=before, after=ini.text)]
    written = {SCRIPT: packaged_script(), **({_VERSION_FILE: _FIRST_VERSION} if with_file else {})}
    for name, text in written.items():
        held = read_if_there(root / name)
        if held == text:
            files.append(FileChange(path=root / name, before=held, after=None))
        elif held is not None:
            notes.append(f"{name} stays, because it was edited")
    return Change(files=_changed(files), notes=tuple(notes))


def _directories(root: Path, ini: Ini) -> tuple[Path, ...]:
    """Returns those to publish to that are not there, of what was written here.

    One that somebody named by hand may be a place that is only not mounted.
    """
    named = {
        ini.value(section, _TO) or ""
        for section in ini.sections()
        if ini.comment(section, _TO) == _OURS
    }
    local = [root / Path(one).expanduser() for one in sorted(named) if "://" not in one]
    return tuple(one for one in local if not one.is_dir())


def _is_missing(
    option: str,
    wanted: str | None,
    notes: list[str],
    elsewhere: Collection[str],
    whole: Ini,
    environments: list[str],
) -> bool:
    """Tells whether an option is to be written; notes it where a wanted value is not."""
    if all(whole.lookup(name, option) for name in environments):
        if wanted is not None:
            notes.append(f"{option} stays as it is: change it in platformio.ini")
        return False
    return wanted is not None or option.removeprefix("custom_ota_") not in elsewhere


def _same_board(whole: Ini, environments: list[str]) -> list[str]:
    """Returns a note on environments that devices could not tell apart."""
    boards = defaultdict(list)
    for name in environments:
        board = whole.lookup(name, "custom_ota_board") or whole.lookup(name, "board")
        product = whole.lookup(name, "custom_ota_product")
        boards[board, product].append(name)
    return [
        f"{' and '.join(alike)} have the board {board}, and a product has one image for each: "
        f"write custom_ota_board = {board}-{alike[-1].lower()} into [env:{alike[-1]}]"
        for (board, _), alike in boards.items()
        if board and len(alike) > 1
    ]


def _version_source(root: Path, wanted: str | None) -> tuple[str, FileChange]:
    held = read_if_there(root / _VERSION_FILE)
    unchanged = FileChange(path=root / _VERSION_FILE, before=held, after=held)
    if wanted is not None:
        return wanted, unchanged
    if held is not None and held.strip():
        return f"file:{_VERSION_FILE}", unchanged
    try:
        if git_state(root).tagged:
            return "git", unchanged
    except AcpublishError:
        pass
    return f"file:{_VERSION_FILE}", FileChange(
        path=root / _VERSION_FILE, before=held, after=_FIRST_VERSION
    )


def _script(root: Path) -> FileChange:
    held = read_if_there(root / SCRIPT)
    # One that was edited does what its owner wants.
    return FileChange(path=root / SCRIPT, before=held, after=held or packaged_script())


def _described(ini: Ini, environment: str) -> str:
    told = [ini.lookup(environment, option) for option in ("platform", "framework")]
    known = ", ".join(" ".join(one.split()) for one in told if one)
    return f"{environment} ({known})" if known else environment


def _changed(files: list[FileChange]) -> tuple[FileChange, ...]:
    return tuple(one for one in files if one.before != one.after)
