"""What ``acpublish init`` writes into a PlatformIO project, and takes away again.

The extra script goes beside platformio.ini, and at most three options into it: the script, where to
publish, and where the version comes from. What is there already stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import AcpublishError, SettingsError
from acpublish.init.ini import SCRIPTS, Ini
from acpublish.publishing.worktree import git_state

__all__ = [
    "SCRIPT",
    "Change",
    "FileChange",
    "packaged_script",
    "project_change",
    "undo_change",
]

SCRIPT = "acpublish_ota.py"
_ENTRY = f"post:{SCRIPT}"
_TO, _VERSION = "custom_ota_to", "custom_ota_version"
_FIRST_VERSION = "0.1.0\n"
_VERSION_FILE = "VERSION"


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


def project_change(root: Path, to: str | None, version: str | None) -> Change:
    """Finds out what to write into a project; nothing is written yet.

    Args:
        root: The folder that platformio.ini is in.
        to: A directory or a server's address; None where another place says it.
        version: The version's source; None to choose one that the project has.

    Raises:
        SettingsError: There is no project, or it cannot be read.
    """
    before = _read(root / "platformio.ini")
    ini = Ini(before)
    environments = ini.environments()
    if not environments:
        raise SettingsError(
            f"{root / 'platformio.ini'} has no environment",
            hint="Add one, such as [env:d1_mini], with platform, board and framework.",
        )
    files, missing = [_script(root)], []
    if to is not None and not _everywhere(ini, environments, _TO):
        missing.append((_TO, to))
    if not _everywhere(ini, environments, _VERSION):
        source, version_file = _version_source(root, version)
        missing.append((_VERSION, source))
        files.append(version_file)
    section = f"env:{environments[0]}" if len(environments) == 1 else "env"
    scripts = _add_script(ini, environments, section)
    ini.set(section, [*scripts, *missing]) if scripts or missing else None
    files.append(FileChange(path=root / "platformio.ini", before=before, after=ini.text))
    local = [Path(to).expanduser()] if to and "://" not in to else []
    return Change(
        files=_changed(files),
        directories=tuple(root / one for one in local if not (root / one).is_dir()),
        environments=tuple(_described(ini, name) for name in environments),
    )


def undo_change(root: Path) -> Change:
    """Finds out what :func:`project_change` wrote that is still there.

    Raises:
        SettingsError: There is no project, or it cannot be read.
    """
    before = _read(root / "platformio.ini")
    ini, notes = Ini(before), []
    ini.remove_entry(SCRIPTS, _ENTRY)
    for section in ini.sections():
        if section == "env" or section.startswith("env:"):
            ini.remove(section, _VERSION)
            ini.remove(section, _TO)
    files = [FileChange(path=root / "platformio.ini", before=before, after=ini.text)]
    for name, written in ((SCRIPT, packaged_script()), (_VERSION_FILE, _FIRST_VERSION)):
        held = _read_text(root / name)
        if held == written:
            files.append(FileChange(path=root / name, before=held, after=None))
        elif held is not None and name == SCRIPT:
            notes.append(f"{name} stays, because it was edited")
    return Change(files=_changed(files), notes=tuple(notes))


def _add_script(ini: Ini, environments: list[str], section: str) -> list[tuple[str, str]]:
    """Adds the script where there are some; returns the option to add where there are none."""
    providers = {ini.provider(name, SCRIPTS) for name in environments}
    for provider in sorted(filter(None, providers)):
        if not any(SCRIPT in entry for entry in ini.entries(provider, SCRIPTS)):
            ini.add_entry(provider, SCRIPTS, _ENTRY)
    return [(SCRIPTS, _ENTRY)] if None in providers else []


def _everywhere(ini: Ini, environments: list[str], option: str) -> bool:
    return all(ini.lookup(name, option) for name in environments)


def _version_source(root: Path, wanted: str | None) -> tuple[str, FileChange]:
    held = _read_text(root / _VERSION_FILE)
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
    held = _read_text(root / SCRIPT)
    # One that was edited does what its owner wants.
    return FileChange(path=root / SCRIPT, before=held, after=held or packaged_script())


def packaged_script() -> str:
    """Returns the text of the extra script, as this version has it."""
    here = Path(__file__).resolve().parents[1]
    # In a checkout it stands beside the package, in a wheel in it.
    packaged = here / "extra_scripts" / SCRIPT
    path = packaged if packaged.is_file() else here.parent / "extra_scripts" / SCRIPT
    return path.read_text(encoding="utf-8")


def _described(ini: Ini, environment: str) -> str:
    told = [ini.lookup(environment, option) for option in ("platform", "framework")]
    return f"{environment} ({', '.join(' '.join(one.split()) for one in told if one)})"


def _changed(files: list[FileChange]) -> tuple[FileChange, ...]:
    return tuple(one for one in files if one.before != one.after)


def _read(path: Path) -> str:
    text = _read_text(path)
    if text is None:
        raise SettingsError(
            f"there is no {path.name} in {path.parent}",
            hint="Go to the folder of a PlatformIO project, or name it with --project-dir.",
        )
    return text


def _read_text(path: Path) -> str | None:
    try:
        # Line ends are kept as they are.
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is no UTF-8 text"
        raise SettingsError(
            f"{path} cannot be read: {why}", hint="Make it readable, then try again."
        ) from fault
