"""What the name of an old file says about its image: product, version and board.

Names are read only when images from before acpublish are imported; in a catalog the manifest
decides. The user sees how each name was understood before anything is done with it.

1. Without a pattern, the version divides the name: the product is before it, the board after it.
2. A name that can be read in several ways gives all of them, and :func:`narrowed` keeps those
   that fit what else is known. Nothing is guessed from what is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from acpublish.errors import SettingsError
from acpublish.release import filename_words as words
from acpublish.release import names
from acpublish.release.version import Version
from acpublish.release.written_versions import FIELD, Written, version_in, written_versions

#: The names of images end in one of these, in any case of letters.
SUFFIXES = (".bin", ".bin.gz", ".littlefs", ".spiffs")
_SUFFIX = ".bin"
_FIELD = re.compile(r"\{([^{}]*)\}|(\*)")
_FIELDS = {"product": "[^/]+?", "version": FIELD, "board": "[^/]+?"}
_GAPS = "-_ .()[]+,~"
_WORD = re.compile(r"[^-_ .()\[\]+,~]+")
#: Words with their dots, so that no number is cut.
_WHOLE_WORD = re.compile(r"[^-_ ()\[\]+,~]+")
_FLAGS = re.IGNORECASE | re.ASCII
#: A download that is saved twice may end in ``.bin.bin``.
_END = re.compile(r"(?:\.bin){0,2}(?:\.gz)?\Z", _FLAGS)
_FILESYSTEM = re.compile(rf"(?<![^\W_])(?:{words.FILESYSTEM})(?![^\W_])|\.fs(?=\.bin)", _FLAGS)
#: The Arduino IDE writes ``sketch.ino.bin``, and with several boards ``sketch.ino.nodemcu.bin``.
_SKETCH = re.compile(r"\.ino(?:\.(?P<board>[^.]+))?\Z", _FLAGS)
_HARDWARE = re.compile(
    r"(?<![^\W_])(?:hardware|hw|pcb)[-_ .]?v?\d+(?:[._]\d{1,3}(?![^\W_]))*[a-z]?(?![^\W_])", _FLAGS
)
#: Letters and then a dotted number, such as ``core3.0.1``: not a version of the firmware.
_OTHER_NUMBER = re.compile(
    r"(?<![^\W_])(?!(?:v|ver|version|fw|sw|fwv|swv)\d)(?P<letters>[a-z]+)\d+(?:\.\d+)+", _FLAGS
)
_LONE_NUMBER = re.compile(r"(?<![^\W_])\d+[-_ .]+\Z", re.ASCII)
#: More readings than these help nobody.
_MAX_READINGS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One way to read a file's name; each None is a part that it does not have.

    Attributes:
        product: As it is written.
        version: The version.
        board: As it is written.
    """

    product: str | None = None
    version: Version | None = None
    board: str | None = None

    def __str__(self) -> str:
        """The parts in a few words."""
        product = names.product_from(self.product) if self.product else "no product"
        board = f" for {self.board.lower()}" if self.board else ""
        return f"{product} {self.version or 'without a version'}{board}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePattern:
    """How files are named.

    Attributes:
        expression: Matches a name with its folders, ``/`` between them; None for usual names.
        depth: How many folders come before the file's name.
    """

    expression: re.Pattern[str] | None = None
    depth: int = 0

    @classmethod
    def parse(cls, text: str) -> NamePattern:
        """Reads a pattern such as ``{product}_v{version}_{board}.bin``.

        ``*`` matches anything, and ``{product}/{version}.bin`` looks into folders. A version has
        as many numbers as are written there: it is never cut short.

        Raises:
            SettingsError: It has an unknown field, a field twice, or no field.
        """
        text = text.strip().strip("/")
        parts, fields, end = [], [], 0
        for field in _FIELD.finditer(text):
            parts += [re.escape(text[end : field.start()]), _group(field, text)]
            fields += [field[1]] if field[1] else []
            end = field.end()
        rest = text[end:]
        # The suffix may be left out, because all files have it.
        rest = _END.sub("", rest) + _SUFFIX
        expression = "".join([*parts, re.escape(rest), r"\Z"])
        if not fields or len(fields) != len(set(fields)):
            raise _error(f"the pattern {text!r} has no field, or has a field twice")
        return cls(
            expression=re.compile(expression, _FLAGS),
            depth=text.count("/"),
        )

    def read(self, name: str, *, filesystem: bool = False) -> tuple[Named, ...]:
        """Returns each way to read a file's name; empty if it does not match the pattern.

        Args:
            name: The name.
            filesystem: Whether the file is a filesystem: then ``littlefs`` in its name says so,
                and otherwise it may belong to the product.
        """
        if self.expression is None:
            return _usual(name, filesystem=filesystem)
        stem = _END.sub("", name)
        for text in (_FILESYSTEM.sub("", _SKETCH.sub("", stem)).rstrip(_GAPS), stem):
            match = self.expression.match(text + _SUFFIX)
            if match is not None:
                parts = {field: text.strip() for field, text in match.groupdict("").items()}
                version = parts.get("version")
                return (
                    Named(
                        product=parts.get("product") or None,
                        version=version_in(version) if version else None,
                        board=parts.get("board") or None,
                    ),
                )
        return ()


def says_filesystem(name: str) -> bool:
    """Returns whether a file's name says that it is a filesystem."""
    return _FILESYSTEM.search(name) is not None


def hardware_in(name: str) -> str | None:
    """Returns the version of the hardware that a file's name contains, None if there is none."""
    match = _HARDWARE.search(name)
    return match[0].lower() if match else None


def narrowed(readings: Iterable[Named], known: Named) -> tuple[Named, ...]:
    """Returns the readings that fit what is known, with what is known in place of their parts.

    A reading whose product is the known one comes before a reading without a product, and those
    before a contradiction. A board only rules out contradictions, because it does not tell where
    the product ends.
    """
    best: dict[tuple[int, int], dict[Named, None]] = {}
    for reading in readings:
        fit = (
            _fit(reading.product, known.product, exact=2),
            _fit(reading.board, known.board, exact=1),
        )
        filled = Named(
            product=known.product or names.product_or_none(reading.product or ""),
            version=known.version or reading.version,
            board=known.board or (reading.board and reading.board.lower()),
        )
        best.setdefault(fit, {})[filled] = None
    return tuple(best[max(best)]) if best else ()


def _fit(part: str | None, known: str | None, *, exact: int) -> int:
    if known is None or part is None:
        return 1
    return exact if names.product_from(part) == names.product_from(known) else 0


def _usual(name: str, *, filesystem: bool) -> tuple[Named, ...]:
    """Returns each way to read a name that follows no pattern."""
    stem = re.sub(r"\.fs\Z", "", _END.sub("", name), flags=_FLAGS)
    sketch = _SKETCH.search(stem)
    board = sketch["board"] if sketch else None
    if sketch:
        stem = stem[: sketch.start()]
        filesystem = filesystem or (board is not None and says_filesystem(board))
        board = None if board is None or says_filesystem(board) else board
    stems = [_FILESYSTEM.sub(lambda match: "_" * len(match[0]), stem)]
    if stems[0] != stem and not filesystem:
        stems.append(stem)
    readings: dict[Named, None] = {}
    for text in stems:
        for reading in _readings(text):
            if board and reading.board:
                readings[replace(reading, board=f"{reading.board}_{board}")] = None
            readings[replace(reading, board=board or reading.board)] = None
            if len(readings) >= _MAX_READINGS:
                return tuple(readings)
    return tuple(readings)


def _readings(stem: str) -> Iterator[Named]:
    undated = words.without_dates(stem, dotted=False)
    versions = _versions(undated)
    if len(versions) > 1:
        # Beside another version, ``2024.01.15`` is a date.
        undated = words.without_dates(stem, dotted=True)
        versions = _versions(undated) or versions
    if not versions:
        yield from _without_version(stem, undated)
    for written in versions:
        yield from _around(undated, written)
    if len(versions) > 1:
        # Neither the product nor the board tells which of them is the firmware's.
        product = undated[: versions[0].start].strip(_GAPS) or None
        for written in versions:
            yield Named(product=product, version=written.readings[0].version)
    for other in _OTHER_NUMBER.finditer(undated):
        if not _HARDWARE.match(undated, other.start()):
            start = other.end("letters")
            product = undated[:start].strip(_GAPS)
            yield Named(product=product, version=version_in(undated[start : other.end()]))


def _versions(text: str) -> list[Written]:
    """Returns the versions of a text, without those that belong to the hardware."""
    blank = _HARDWARE.sub(lambda match: "_" * len(match[0]), text)
    versions = list(written_versions(blank))
    if len(versions) > 1:
        versions = [
            written
            for written in versions
            if not (written.labelled and written.count == 1 and _follows_board(text, written.start))
        ]
    return versions


def _follows_board(text: str, start: int) -> bool:
    before = _WORD.findall(text[:start])
    return bool(before) and words.is_hardware(before[-1], after=True)


def _without_version(stem: str, undated: str) -> Iterator[Named]:
    text = undated.strip(_GAPS)
    if undated != stem:
        text = re.sub("[-_ .]*__[-_ .]*", "_", text)
    yield Named(product=text or None)
    for product, board in _splits(text):
        yield Named(product=product, board=board)
    date = words.first_date(stem)
    if date:
        # Some people use the date as the version; others have no version at all.
        for product, board in _divided(stem[: date.start()], stem[date.end() :]):
            yield Named(product=product, version=version_in(date["day"]), board=board)


def _around(text: str, written: Written) -> Iterator[Named]:
    """Yields each way to read a name that contains a version."""
    before = text[: written.start]
    for reading in written.readings:
        if reading.end == written.start:
            # What looks like a version is a part of the product.
            yield Named(product=text.strip(_GAPS))
            continue
        for product, board in _divided(before, text[reading.end :]):
            yield from _words_in_doubt(product, reading.version, board)
    end = written.readings[0].end
    lone = _LONE_NUMBER.search(before)
    if lone and not written.labelled:
        # The number before it may be the version's first.
        yield Named(
            product=before[: lone.start()].strip(_GAPS) or None,
            version=version_in(f"{lone[0].strip(_GAPS)}.{text[written.start : end]}"),
            board=text[end:].strip(_GAPS) or None,
        )
    if written.labelled and written.count == 1 and _follows_board(text, written.start):
        # ``nodemcu_v3`` may be the board alone.
        yield Named(board=text[:end].strip(_GAPS))


def _divided(before: str, after: str) -> Iterator[tuple[str | None, str | None]]:
    """Yields each product and board that the texts around a version may be."""
    hardware = _HARDWARE.search(before)
    if hardware:
        parts = (before[: hardware.start()], before[hardware.end() :])
        rest = "_".join(filter(None, (part.strip(_GAPS) for part in parts)))
        board = after.strip(_GAPS)
        yield rest or None, f"{board}_{hardware[0]}" if board else hardware[0]
        if not board:
            for product, part in _splits(rest):
                yield product, f"{part}_{hardware[0]}"
            return
    first, second = before.strip(_GAPS), after.strip(_GAPS)
    if first and second:
        yield first, second
        if _all_hardware(first):
            yield second, first
    elif first:
        yield first, None
        yield from _splits(first)
    elif second:
        yield from ((second, None), (None, second))
        yield from _splits(second, anywhere=True)
    else:
        yield None, None


def _all_hardware(text: str) -> bool:
    first, *others = _WORD.findall(text) or [""]
    return words.is_hardware(first) and all(words.is_hardware(word, after=True) for word in others)


def _splits(text: str, *, anywhere: bool = False) -> Iterator[tuple[str | None, str | None]]:
    """Yields each product and board into which one text may be divided.

    Args:
        text: The text.
        anywhere: Whether a board may be any word; otherwise it begins with a word of hardware.
    """
    found = list(_WORD.finditer(text))
    starts = [index for index, word in enumerate(found) if anywhere or words.is_hardware(word[0])]
    for index in starts:
        if index:
            yield text[: found[index - 1].end()], text[found[index].start() :]
    if 0 in starts:
        for index in range(1, len(found)):
            yield text[found[index].start() :], text[: found[index - 1].end()]
        yield None, text


def _words_in_doubt(
    product: str | None, version: Version | None, board: str | None
) -> Iterator[Named]:
    """Yields a reading, and those in which a word belongs to another part or to none."""
    yield Named(product=product, version=version, board=board)
    for text, is_board in ((board, True), (product, False)):
        hardware = _HARDWARE.search(text or "")
        for word in _WHOLE_WORD.finditer(text or ""):
            if hardware and hardware.start() <= word.start() < hardware.end():
                continue
            rest = (text or "")[: word.start()].rstrip(_GAPS) + (text or "")[word.end() :]
            part = rest.strip(_GAPS) or None
            prerelease = words.is_prerelease(word[0])
            label = not is_board and word[0].lower() in ("fw", "sw")
            if not (prerelease or (is_board and words.is_stray(word[0])) or label):
                continue
            if not is_board and part is None:
                continue
            marked = version
            if prerelease and version and not version.prerelease:
                marked = version_in(f"{version}-{word[0].lower()}")
            yield Named(
                product=product if is_board else part,
                version=marked,
                board=part if is_board else board,
            )


def _group(field: re.Match[str], text: str) -> str:
    if field[2]:
        return "[^/]*?"
    if field[1] not in _FIELDS:
        raise _error(f"the pattern {text!r} has an unknown field {{{field[1]}}}")
    return f"(?P<{field[1]}>{_FIELDS[field[1]]})"


def _error(problem: str) -> SettingsError:
    return SettingsError(
        problem,
        hint="Use {product}, {version} and {board} at most once each, for example "
        "'{product}_v{version}_{board}.bin'.",
    )
