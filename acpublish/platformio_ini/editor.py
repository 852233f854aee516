"""Edits platformio.ini as text: everything that is not ours stays byte for byte.

It knows one file and its sections; :mod:`acpublish.platformio_ini.reader` knows how sections and
files combine. The entries of an option are on separate lines, or in one line with ``, `` between
them (PlatformIO: ``project/config.py``, ``parse_multi_values``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SCRIPTS = "extra_scripts"
_HEADER = re.compile(r"\[(?P<name>[^\]]+)\]")
_OPTION = re.compile(r"(?P<name>[^\s=:;#\[][^=:]*?)\s*[=:](?P<value>.*)")
_COMMENT = re.compile(r"\s*[;#]|\s*\Z")
#: An inline comment needs a space in front of it.
_INLINE = re.compile(r"\s+[;#].*")


def entries_of(value: str) -> list[str]:
    """Returns the entries of an option's value, if the option may have several."""
    split = value.split("\n") if "\n" in value else value.split(", ")
    return [entry.strip() for entry in split if entry.strip()]


@dataclass(frozen=True, slots=True)
class _Span:
    """The lines of an option, from ``first`` up to but not including ``end``."""

    first: int
    end: int


class IniEditor:
    """The text of a platformio.ini, which can be changed."""

    def __init__(self, text: str) -> None:
        """Starts with the content of a file.

        Args:
            text: The content, with its line endings as they are.
        """
        self._newline = "\r\n" if "\r\n" in text else "\n"
        #: A file without a final line ending stays without one when lines are added.
        self._final = text.endswith("\n") or not text
        self._lines = text.removesuffix("\n").split("\n") if text else []
        #: The first line of each section's header and the line after its last one, once computed.
        self._spans: dict[str, _Span] | None = None
        if self._lines and not self._final:
            self._lines[-1] = self._end(self._lines[-1])

    @property
    def text(self) -> str:
        """The text as it is now."""
        joined = "\n".join(self._lines)
        if self._final:
            return joined + "\n" if self._lines else joined
        return joined.removesuffix("\r") if self._newline == "\r\n" else joined

    def sections(self) -> list[str]:
        """Returns the names of all sections, in order."""
        return list(self._sections)

    def value(self, section: str, option: str) -> str | None:
        """Returns an option's value, without comments; None if the section does not set it."""
        span = self._find(section, option)
        if span is None:
            return None
        return "\n".join(self._values(span))

    def set(self, section: str, options: Sequence[tuple[str, str]]) -> None:
        """Adds options at the end of a section; a missing section goes to the end of the file."""
        if section not in self._sections:
            lines = [self._end(""), self._end(f"[{section}]")]
            count = len(self._lines)
            self._replace(count, count, lines if count else lines[1:])
        for name, value in options:
            span = self._find(section, name)
            at = self._end_of(section)
            # An option that exists is empty; PlatformIO refuses a duplicate option.
            replaced = span or _Span(at, at)
            self._replace(replaced.first, replaced.end, [self._end(f"{name} = {value}")])

    def add_entry(
        self, section: str, option: str, entry: str, *, one_line: bool | None = None
    ) -> None:
        """Adds an entry to an option that the section has.

        Args:
            section: The section.
            option: The option.
            entry: The entry to add.
            one_line: Whether to append it after ``, ``; by default like the other entries.
        """
        span = self._find(section, option)
        if span is None:
            self.set(section, [(option, entry)])
            return
        first = self._lines[span.first]
        code = _INLINE.sub("", first.rstrip("\r"))
        several = ", " in code if one_line is None else one_line and any(self._values(span))
        if span.end == span.first + 1 and several:
            self._lines[span.first] = f"{code}, {entry}{first[len(code) :]}"
            return
        last = max(
            number
            for number in range(span.first, span.end)
            if number == span.first or not _COMMENT.match(self._lines[number])
        )
        indent = re.match(r"\s*", self._lines[last])
        space = indent[0] if last > span.first and indent and indent[0] else "    "
        self._replace(last + 1, last + 1, [self._end(f"{space}{entry}")])

    def change_entry(self, section: str, option: str, entry: str, to: str) -> None:
        """Replaces an entry of an option."""
        span = self._find(section, option)
        if span is not None:
            self._rewrite(span, lambda entries: [to if e == entry else e for e in entries])

    def comment(self, section: str, option: str) -> str:
        """Returns the comment after an option of one line; empty if there is none."""
        span = self._find(section, option)
        comment = _INLINE.search(self._lines[span.first]) if span else None
        return comment[0].strip() if comment else ""

    def remove_entry(self, section: str, option: str, entry: str) -> None:
        """Removes an entry from an option, and an option that has no other entry."""
        span = self._find(section, option)
        if span is not None and entry in self.entries(section, option):
            self._remove_entry(section, span, option, entry)

    def entries(self, section: str, option: str) -> list[str]:
        """Returns the entries of an option that may have several."""
        span = self._find(section, option)
        if span is None:
            return []
        values = self._values(span)
        return values if span.end > span.first + 1 else entries_of("".join(values))

    def remove(self, section: str, option: str) -> None:
        """Removes an option from a section, and an ``[env]`` at the end that is then empty."""
        span = self._find(section, option)
        if span is None:
            return
        self._replace(span.first, span.end, [])
        self._remove_empty(section)

    def _remove_entry(self, section: str, span: _Span, option: str, entry: str) -> None:
        first = self._values(_Span(span.first, span.first + 1))
        if first == [entry] and span.end == span.first + 1:
            self.remove(section, option)
            return
        self._rewrite(span, lambda entries: [other for other in entries if other != entry])

    def _rewrite(self, span: _Span, change: Callable[[list[str]], list[str]]) -> None:
        """Changes the entries on each line of an option; removes a line that then has none."""
        for number in reversed(range(span.first, span.end)):
            line = self._lines[number]
            named = _OPTION.match(line) if number == span.first else None
            start = named.start("value") if named else 0
            code = _INLINE.sub("", f" {line[start:]}".rstrip("\r"))[1:]
            entries = [entry.strip() for entry in code.split(", ")]
            changed = change(entries)
            if _COMMENT.match(line) or changed == entries:
                continue
            if not changed and number > span.first:
                self._replace(number, number + 1, [])
                continue
            lead = code[: len(code) - len(code.lstrip())]
            rest = line[start + len(code) :]
            self._lines[number] = f"{line[:start]}{lead}{', '.join(changed)}{rest}"

    def _remove_empty(self, section: str) -> None:
        """Removes an ``[env]`` that is the last section and has neither options nor comments."""
        at = self._sections[section].first
        if section == "env" and not any(line.strip() for line in self._lines[at + 1 :]):
            above = at > 0 and not self._lines[at - 1].strip()
            self._replace(at - above, len(self._lines), [])

    @property
    def _sections(self) -> dict[str, _Span]:
        """The lines of each section; a project may have hundreds, so they are computed once."""
        if self._spans is None:
            headers = [
                (number, header["name"].strip())
                for number, line in enumerate(self._lines)
                if line[:1] == "[" and (header := _HEADER.match(line))
            ]
            following = [number for number, _ in headers[1:]]
            self._spans = {
                name: _Span(number, end)
                for (number, name), end in zip(
                    headers, [*following, len(self._lines)], strict=False
                )
            }
        return self._spans

    def _replace(self, first: int, end: int, lines: Sequence[str]) -> None:
        """Replaces lines of the text."""
        self._lines[first:end] = lines
        if len(lines) != end - first or any(line[:1] == "[" for line in lines):
            self._spans = None

    def _end(self, line: str) -> str:
        return line + "\r" if self._newline == "\r\n" else line

    def _end_of(self, section: str) -> int:
        """Returns the number of the line after the last option of a section."""
        span = self._sections[section]
        end = span.end
        while not self._lines[end - 1].strip():
            end -= 1
        return end

    def _find(self, section: str, option: str) -> _Span | None:
        within = self._sections.get(section, _Span(0, 0))
        first = None
        for number in range(within.first + 1, within.end):
            named = _OPTION.match(self._lines[number])
            if named and first is not None:
                return self._lines_of(first, number)
            if named and named["name"].strip().lower() == option:
                first = number
        return None if first is None else self._lines_of(first, within.end)

    def _lines_of(self, first: int, before: int) -> _Span:
        """Returns the lines of an option: those after the first are indented, or comments."""
        end = first + 1
        for number in range(first + 1, before):
            line = self._lines[number]
            if line[:1] in (" ", "\t") and not _COMMENT.match(line):
                end = number + 1
        return _Span(first, end)

    def _values(self, span: _Span) -> list[str]:
        lines = [line.rstrip("\r") for line in self._lines[span.first : span.end]]
        named = _OPTION.match(lines[0])
        texts = [named["value"] if named else "", *lines[1:]]
        bare = (_INLINE.sub("", f" {text}").strip() for text in texts if not _COMMENT.match(text))
        return [text for text in bare if text]
