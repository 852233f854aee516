"""Edits platformio.ini as a text: what is not ours stays byte for byte.

PlatformIO looks an option up in an environment's section, then in those that it ``extends``, the
last of them first, then in ``[env]``; the first that has it wins whole (PlatformIO:
``project/config.py``, ``walk_options``). So an entry of ``extra_scripts`` goes to each of the
sections that it is taken from. The entries of an option stand on lines of their own, or in one line
with ``, `` between them (``parse_multi_values``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["SCRIPTS", "Ini", "entries_of"]

SCRIPTS = "extra_scripts"
_HEADER = re.compile(r"\[(?P<name>[^\]]+)\]")
_OPTION = re.compile(r"(?P<name>[^\s=:;#\[][^=:]*?)\s*[=:](?P<value>.*)")
_COMMENT = re.compile(r"\s*[;#]|\s*\Z")
#: An inline comment begins with a space before it.
_INLINE = re.compile(r"\s+[;#].*")


def entries_of(value: str) -> list[str]:
    """Returns the entries of the text of an option that may have several."""
    value = value.strip()
    split = value.split("\n") if "\n" in value else value.split(", ")
    return [one.strip() for one in split if one.strip()]


@dataclass(frozen=True, slots=True)
class _Option:
    """Where an option stands: its lines are ``first`` to before ``end``."""

    first: int
    end: int


class Ini:
    """The text of a platformio.ini."""

    def __init__(self, text: str) -> None:
        self._newline = "\r\n" if "\r\n" in text else "\n"
        #: A file that does not end with a line end will not either when lines were added.
        self._final = text.endswith("\n") or not text
        self._lines = text.removesuffix("\n").split("\n") if text else []
        if self._lines and not self._final:
            self._lines[-1] = self._end(self._lines[-1])

    @property
    def text(self) -> str:
        """The text as it is now."""
        joined = "\n".join(self._lines)
        if self._final:
            return joined + "\n" if self._lines else joined
        return joined.removesuffix("\r") if self._newline == "\r\n" else joined

    def environments(self) -> list[str]:
        """Returns the names of the environments, without ``env:``."""
        return [name.removeprefix("env:") for name in self.sections() if name.startswith("env:")]

    def sections(self) -> list[str]:
        """Returns the names of all sections, in order."""
        found = (_HEADER.match(line) for line in self._lines)
        return [one["name"].strip() for one in found if one]

    def value(self, section: str, option: str) -> str | None:
        """Returns an option's value in the section itself, without comments; None without it."""
        place = self._find(section, option)
        if place is None:
            return None
        return "\n".join(self._values(place))

    def lookup(self, environment: str, option: str) -> str | None:
        """Returns an option of an environment, wherever it comes from."""
        section = self.provider(environment, option)
        return None if section is None else self.value(section, option)

    def provider(self, environment: str, option: str) -> str | None:
        """Returns the section that an environment takes an option from; None without one."""
        waiting, seen = [f"env:{environment}"], set[str]()
        while waiting:
            section = waiting.pop()
            if section in seen:
                continue
            seen.add(section)
            if self._find(section, option) is not None:
                return section
            waiting += self.entries(section, "extends")
        return "env" if self._find("env", option) is not None else None

    def set(self, section: str, options: Sequence[tuple[str, str]]) -> None:
        """Adds options at the end of a section, which is made at the end of the file if needed."""
        if section not in self.sections():
            if self._lines:
                self._lines.append(self._end(""))
            self._lines.append(self._end(f"[{section}]"))
        for name, value in options:
            place = self._find(section, name)
            at = self._end_of(section)
            # One that is there is empty; PlatformIO refuses an option that is there twice.
            lines = slice(place.first, place.end) if place else slice(at, at)
            self._lines[lines] = [self._end(f"{name} = {value}")]

    def add_entry(
        self, section: str, option: str, entry: str, *, one_line: bool | None = None
    ) -> None:
        """Adds an entry to an option that the section has.

        Args:
            section: The section.
            option: The option.
            entry: What to add.
            one_line: Whether to write it behind ``, ``; by default as those are that are there.
        """
        place = self._find(section, option)
        if place is None:
            self.set(section, [(option, entry)])
            return
        first = self._lines[place.first]
        code = _INLINE.sub("", first.rstrip("\r"))
        if place.end == place.first + 1 and (", " in code if one_line is None else one_line):
            self._lines[place.first] = f"{code}, {entry}{first[len(code) :]}"
            return
        last = max(
            number
            for number in range(place.first, place.end)
            if number == place.first or not _COMMENT.match(self._lines[number])
        )
        indent = re.match(r"\s*", self._lines[last])
        space = indent[0] if last > place.first and indent and indent[0] else "    "
        self._lines.insert(last + 1, self._end(f"{space}{entry}"))

    def change_entry(self, section: str, option: str, entry: str, to: str) -> None:
        """Writes an entry of an option anew."""
        place = self._find(section, option)
        if place is not None:
            self._rewrite(place, lambda held: [to if one == entry else one for one in held])

    def comment(self, section: str, option: str) -> str:
        """Returns the comment behind an option of one line; empty without one."""
        place = self._find(section, option)
        found = _INLINE.search(self._lines[place.first]) if place else None
        return found[0].strip() if found else ""

    def remove_entry(self, option: str, entry: str) -> None:
        """Takes an entry out of an option in every section, and the option when that was all."""
        for section in self.sections():
            place = self._find(section, option)
            if place is not None and entry in self.entries(section, option):
                self._remove_entry(section, place, option, entry)

    def entries(self, section: str, option: str) -> list[str]:
        """Returns the entries of an option that may have several."""
        return entries_of(self.value(section, option) or "")

    def remove(self, section: str, option: str) -> None:
        """Takes an option out of a section; a section that then has nothing goes, too."""
        place = self._find(section, option)
        if place is None:
            return
        del self._lines[place.first : place.end]
        self._remove_empty(section)

    def _remove_entry(self, section: str, place: _Option, option: str, entry: str) -> None:
        first = self._values(_Option(place.first, place.first + 1))
        if first == [entry] and place.end == place.first + 1:
            self.remove(section, option)
            return
        self._rewrite(place, lambda held: [one for one in held if one != entry])

    def _rewrite(self, place: _Option, change: Callable[[list[str]], list[str]]) -> None:
        """Changes the entries on each line of an option; a line that then has none goes."""
        for number in reversed(range(place.first, place.end)):
            line = self._lines[number]
            named = _OPTION.match(line) if number == place.first else None
            start = named.start("value") if named else 0
            code = _INLINE.sub("", f" {line[start:]}".rstrip("\r"))[1:]
            held = [one.strip() for one in code.split(", ")]
            changed = change(held)
            if _COMMENT.match(line) or changed == held:
                continue
            if not changed and number > place.first:
                del self._lines[number]
                continue
            lead = code[: len(code) - len(code.lstrip())]
            rest = line[start + len(code) :]
            self._lines[number] = f"{line[:start]}{lead}{', '.join(changed)}{rest}"

    def _remove_empty(self, section: str) -> None:
        """Takes a section away that has neither options nor comments, and is the last one."""
        at = next(
            number
            for number, line in enumerate(self._lines)
            if (found := _HEADER.match(line)) and found["name"].strip() == section
        )
        if section == "env" and not any(line.strip() for line in self._lines[at + 1 :]):
            del self._lines[at:]
            if self._lines and not self._lines[-1].strip():
                del self._lines[-1]

    def _end(self, line: str) -> str:
        return line + "\r" if self._newline == "\r\n" else line

    def _end_of(self, section: str) -> int:
        """Returns the line behind the last option of a section."""
        end, inside = 0, False
        for number, line in enumerate(self._lines):
            if found := _HEADER.match(line):
                inside = found["name"].strip() == section
            if inside and line.strip():
                end = number + 1
        return end

    def _find(self, section: str, option: str) -> _Option | None:
        inside, first = False, None
        for number, line in enumerate(self._lines):
            if found := _HEADER.match(line):
                if first is not None:
                    return self._option(first, number)
                inside = found["name"].strip() == section
            elif inside and (named := _OPTION.match(line)):
                if first is not None:
                    return self._option(first, number)
                if named["name"].strip().lower() == option:
                    first = number
        return None if first is None else self._option(first, len(self._lines))

    def _option(self, first: int, before: int) -> _Option:
        """Returns the lines of an option: those behind the first are indented, or comments."""
        end = first + 1
        for number in range(first + 1, before):
            line = self._lines[number]
            if line[:1] in (" ", "\t") and not _COMMENT.match(line):
                end = number + 1
        return _Option(first, end)

    def _values(self, place: _Option) -> list[str]:
        lines = [line.rstrip("\r") for line in self._lines[place.first : place.end]]
        named = _OPTION.match(lines[0])
        texts = [named["value"] if named else "", *lines[1:]]
        bare = (_INLINE.sub("", f" {text}").strip() for text in texts if not _COMMENT.match(text))
        return [text for text in bare if text]
