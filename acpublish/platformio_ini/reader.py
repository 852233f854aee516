"""Reads the options of platformio.ini: the only reader of it.

:func:`read_project` uses PlatformIO's own reader if it is installed, and otherwise
:class:`BuiltinReader`. That one follows the same rules (PlatformIO: ``project/config.py``), and
``init`` and ``doctor`` always use it, because it also reads a file that is not written yet, and
knows which section an option comes from:

1. Files: platformio.ini, then each file that ``extra_configs`` names. The last value counts.
2. Sections: the environment's, then those that it ``extends``, the last one first, then ``[env]``.
   The first that has an option provides all of it.
3. Variables: ``PLATFORMIO_EXTRA_SCRIPTS`` and its like add to an environment's list.
4. References: ``${section.option}`` follows the ``extends`` of the section it names; ``${this.…}``
   is the section that was asked for; ``${sysenv.…}`` is an environment variable, or empty.
5. A reference that cannot be resolved stays as it is.
"""

from __future__ import annotations

import configparser
import glob
import hashlib
import importlib
import io
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from acpublish.platformio_ini.editor import SCRIPTS, entries_of
from acpublish.platformio_ini.files import read, refuse_broken, unreadable
from acpublish.platformio_ini.platformio_options import (
    EXTENDED_BY_VARIABLE,
    FOLDERS,
    LISTS,
    is_list,
)

_CONFIG, _EXCEPTIONS = "platformio.project.config", "platformio.exception"
#: The sections and options that are being resolved, so a reference that leads back is noticed.
_Path = tuple[tuple[str, str], ...]

_ENV = "env:"
_REFERENCE = re.compile(r"\$\{(?:(?P<section>[^.{}()]+)\.)?(?P<option>[^}]+)\}")
#: A platform of PlatformIO's registry, which has no folder and no URL: ``native@1.2.1``.
_REGISTERED = re.compile(r"(?:[\w-]+/)?(?P<name>[\w-]+)\s*(?:@.*)?\Z")


class ProjectOptions(Protocol):
    """The options of a project's environments, with references resolved."""

    def environments(self) -> Sequence[str]:
        """Returns the names of the environments, without ``env:``, in the order of the file."""
        ...

    def default_environments(self) -> Sequence[str]:
        """Returns the environments that a plain ``pio run`` builds; none if it builds all."""
        ...

    def options(self, environment: str) -> Sequence[str]:
        """Returns the names of all options of an environment."""
        ...

    def option(self, environment: str, name: str) -> str | None:
        """Returns an option of an environment; None if nothing sets it.

        Raises:
            SettingsError: It cannot be read.
        """
        ...


def read_project(directory: Path, environ: Mapping[str, str]) -> ProjectOptions:
    """Reads platformio.ini, with PlatformIO's own reader if that is installed.

    Args:
        directory: The project's.
        environ: The environment variables; PlatformIO's reader uses those of the process.

    Raises:
        SettingsError: It cannot be read.
    """
    try:
        config: Any = importlib.import_module(_CONFIG)
        exceptions: Any = importlib.import_module(_EXCEPTIONS)
    except ImportError:
        return BuiltinReader(directory, environ=environ)
    errors = (exceptions.PlatformioException, UnicodeDecodeError)
    return _PlatformioReader(directory / "platformio.ini", config.ProjectConfig, errors)


def has_reference(value: str) -> bool:
    """Returns whether a value contains a reference that could not be resolved."""
    return "${" in value


class _PlatformioReader:
    """PlatformIO's own reader, which reads an option only when it is asked for."""

    def __init__(
        self, path: Path, config: Callable[[str], Any], errors: tuple[type[Exception], ...]
    ) -> None:
        self._path = path
        self._errors = errors
        self._names: dict[str, tuple[str, ...]] = {}
        self._config = self._tried(lambda: config(str(path)))

    def _tried(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except self._errors as fault:
            raise unreadable(self._path, str(fault)) from fault

    def environments(self) -> Sequence[str]:
        return tuple(self._config.envs())

    def default_environments(self) -> Sequence[str]:
        environments = self.environments()
        defaults = self._tried(self._config.default_envs)
        return tuple(name for name in defaults if name in environments)

    def options(self, environment: str) -> Sequence[str]:
        if environment not in self._names:
            names = self._tried(lambda: self._config.options(env=environment))
            self._names[environment] = tuple(names)
        return self._names[environment]

    def option(self, environment: str, name: str) -> str | None:
        if name not in self.options(environment):
            return None
        value = self._tried(lambda: self._config.get(f"{_ENV}{environment}", name))
        if isinstance(value, list):
            return "\n".join(map(str, value))
        return None if value is None else str(value)


class BuiltinReader:
    """Reads platformio.ini without PlatformIO."""

    def __init__(
        self,
        directory: Path,
        text: str | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        texts: Mapping[Path, str] | None = None,
    ) -> None:
        """Reads platformio.ini, and the files that it names as ``extra_configs``.

        Args:
            directory: The project's.
            text: The content of platformio.ini; by default, it is read.
            environ: The environment variables; none by default.
            texts: The contents of files that are not written yet, by their paths.

        Raises:
            SettingsError: One of the files cannot be read.
        """
        self._directory = directory
        self._environ = environ or {}
        # As PlatformIO does it: with inline comments, and ``%(option)s`` inside a section.
        self._parser = configparser.ConfigParser(inline_comment_prefixes=("#", ";"))
        self._chains: dict[str, tuple[str, ...]] = {}
        self._files: dict[tuple[str, str], Path] = {}
        path = directory / "platformio.ini"
        #: The text of each file of the project, by its path.
        self.texts: dict[Path, str] = dict(texts or {})
        if text is not None:
            self.texts[path] = text
        self._add(path, os.path.abspath(path), set())  # noqa: PTH100

    def environments(self) -> Sequence[str]:
        """Returns the names of the environments, without ``env:``, in the order of the file."""
        return [name[len(_ENV) :] for name in self._parser.sections() if name.startswith(_ENV)]

    def device_environments(self) -> Sequence[str]:
        """Returns the environments that may build for an Espressif device.

        A template that others extend has no board. A platform that is not of the registry may have
        any name.
        """
        return [name for name in self.environments() if self._is_of_device(name)]

    def _is_of_device(self, environment: str) -> bool:
        platform = _REGISTERED.match((self.option(environment, "platform") or "").strip())
        elsewhere = platform is not None and "espressif" not in platform["name"].lower()
        return not elsewhere and bool((self.option(environment, "board") or "").strip())

    def default_environments(self) -> Sequence[str]:
        """Returns the environments that a plain ``pio run`` builds; none if it builds all."""
        environments = self.environments()
        defaults = self.entries("platformio", "default_envs")
        defaults += entries_of(self._environ.get("PLATFORMIO_DEFAULT_ENVS", ""))
        return [name for name in defaults if name in environments]

    def options(self, environment: str) -> Sequence[str]:
        """Returns the names of all options of an environment."""
        sections = self._chain(f"{_ENV}{environment}")
        names = [name for section in sections for name in self._parser.options(section)]
        return list(dict.fromkeys([*names, *filter(self._variable_of, EXTENDED_BY_VARIABLE)]))

    def option(self, environment: str, name: str) -> str | None:
        """Returns an option of an environment; None if nothing sets it.

        Raises:
            SettingsError: It cannot be read.
        """
        section = f"{_ENV}{environment}"
        if self.section_of(environment, name) is None and not self._variable_of(name):
            return None
        return self._resolved(section, name, ())

    def entries(self, section: str, name: str) -> list[str]:
        """Returns the entries of an option that may have several, such as ``extra_scripts``."""
        if not self._parser.has_option(section, name):
            return []
        return entries_of(self._expanded(section, name, ()) or "")

    def scripts(self, environment: str) -> list[str]:
        """Returns the entries of an environment's ``extra_scripts``, in order."""
        return entries_of(self._expanded(f"{_ENV}{environment}", SCRIPTS, ()) or "")

    def script_sections(self, environment: str) -> Counter[str]:
        """Returns how often the ``extra_scripts`` of each section is in an environment's."""
        return Counter(self._sections_in(f"{_ENV}{environment}", SCRIPTS, ()))

    def section_of(self, environment: str, name: str) -> str | None:
        """Returns the section that provides an option of an environment; None if none does."""
        return self._provider(f"{_ENV}{environment}", name)

    def file_of(self, section: str, name: str) -> Path | None:
        """Returns the file that has the value of a section's option; None if none has."""
        return self._files.get((section, name))

    def providers(self, name: str) -> dict[str, Path]:
        """Returns the sections that have an option of their own, each with its file."""
        return {section: path for (section, option), path in self._files.items() if option == name}

    def _add(self, path: Path, name: str, seen: set[str]) -> None:
        """Adds a file, and those that are named as ``extra_configs`` from then on.

        PlatformIO knows a file again by its name. It therefore reads platformio.ini twice if a
        pattern matches it, and what it says then takes precedence over the files before it.
        """
        seen.add(name)
        text = self.texts[path] if path in self.texts else read(path)
        self.texts[path] = text
        file = refuse_broken(path, text)
        for section in file.sections():
            self._files.update(((section, name), path) for name in file.options(section))
        self._parser.read_file(io.StringIO(text, newline=None), path.name)
        self._chains.clear()
        for pattern in self.entries("platformio", "extra_configs"):
            pattern = os.path.expanduser(pattern)  # noqa: PTH111
            # In PlatformIO's order, which is not sorted.
            for more in glob.glob(pattern, root_dir=self._directory, recursive=True):  # noqa: PTH207
                if more not in seen and (self._directory / more).is_file():
                    self._add(self._directory / more, more, seen)

    def _chain(self, section: str) -> tuple[str, ...]:
        """Returns the sections that provide a section's options, the first one first."""
        if section not in self._chains:
            self._chains[section] = tuple(dict.fromkeys(self._walk(section)))
        return self._chains[section]

    def _walk(self, section: str) -> Iterator[str]:
        waiting = ["env", section] if section.startswith(_ENV) else [section]
        seen = set()
        while waiting:
            current = waiting.pop()
            if current in seen or not self._parser.has_section(current):
                continue
            seen.add(current)
            yield current
            if self._parser.has_option(current, "extends"):
                waiting += entries_of(self._raw(current, "extends"))

    def _provider(self, section: str, name: str) -> str | None:
        for provider in self._chain(section):
            if self._parser.has_option(provider, name):
                return provider
        return None

    def _sections_in(self, section: str, name: str, resolving: _Path) -> Iterator[str]:
        """Returns each section whose ``extra_scripts`` is part of an option's value."""
        provider = self._provider(section, name)
        if provider is None or (section, name) in resolving:
            return
        if name == SCRIPTS:
            yield provider
        for match in _REFERENCE.finditer(self._raw(provider, name)):
            named = section if match["section"] == "this" else match["section"]
            if named is not None:
                yield from self._sections_in(named, match["option"], (*resolving, (section, name)))

    def _raw(self, section: str, name: str) -> str:
        try:
            return self._parser.get(section, name)
        except configparser.Error as fault:
            path = self._files.get((section, name), self._directory / "platformio.ini")
            raise unreadable(path, " ".join(fault.message.split())) from fault

    def _resolved(self, section: str, name: str, resolving: _Path) -> str | None:
        """Returns an option of a section as a reference to it sees it; None if it has no value."""
        value = self._expanded(section, name, resolving)
        if value is None:
            return None
        if is_list(section, name):
            # As PlatformIO fills them in (``project/config.py``, ``_re_interpolation_handler``).
            return "\n".join(entries_of(value))
        if section == "platformio" and name.endswith("_dir") and not has_reference(value):
            path = os.path.expanduser(value)  # noqa: PTH111
            return os.path.abspath(self._directory / path)  # noqa: PTH100
        return value

    def _expanded(self, section: str, name: str, resolving: _Path) -> str | None:
        """Returns an option of a section with its references resolved; None if it has no value.

        Args:
            section: The section that is asked; it may extend others.
            name: The option.
            resolving: The options that led here.
        """
        provider = self._provider(section, name)
        if section == "platformio":
            value = self._of_platformio(name, provider)
        elif provider is not None:
            value = self._raw(provider, name)
        else:
            value = LISTS.get(name) if is_list(section, name) else None
        if section.startswith("env") and (more := self._variable_of(name)):
            value = f"{value}\n{more}" if provider and value else more
        if value is None:
            return None
        resolving = (*resolving, (section, name))
        return _REFERENCE.sub(lambda match: self._reference(match, section, resolving), value)

    def _variable_of(self, name: str) -> str:
        """Returns the variable that adds to an option of an environment; empty if none does."""
        variable = f"PLATFORMIO_{name.upper()}"
        return self._environ.get(variable, "") if name in EXTENDED_BY_VARIABLE else ""

    def _of_platformio(self, name: str, provider: str | None) -> str | None:
        variable = self._environ.get(f"PLATFORMIO_{name.upper()}")
        if name.endswith("_dir") and variable:
            return variable
        if provider is not None:
            return self._raw(provider, name)
        return self._project_folder.name if name == "name" else FOLDERS.get(name)

    def _reference(self, match: re.Match[str], section: str, resolving: _Path) -> str:
        """Returns the value of a reference; the reference itself if it has none."""
        named, name = match["section"], match["option"]
        if named is None:
            variable = self._variables.get(name)
            return match[0] if variable is None else variable()
        if named == "sysenv":
            return self._environ.get(name, "")
        if named == "this":
            named = section
            if name == "__env__":
                return section[len(_ENV) :] if section.startswith(_ENV) else match[0]
        if (named, name) in resolving:
            return match[0]
        value = self._resolved(named, name, resolving)
        return match[0] if value is None else value

    @cached_property
    def _project_folder(self) -> Path:
        return Path(os.path.abspath(self._directory))  # noqa: PTH100

    @cached_property
    def _variables(self) -> Mapping[str, Callable[[], str]]:
        folder = self._project_folder
        return {
            "PROJECT_DIR": lambda: str(folder),
            "PROJECT_HASH": lambda: f"{folder.name}-{_short_hash(str(folder))}",
            "UNIX_TIME": lambda: str(int(time.time())),
        }


def _short_hash(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:10]
