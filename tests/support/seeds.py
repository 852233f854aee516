"""Secrets that a test gives to acpublish, and a search for them in all that came of it."""

from __future__ import annotations

import base64
import fnmatch
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

GZIP = b"\x1f\x8b"
#: A half of a shorter secret could stand somewhere by chance.
HALVED = 24


def forms(secret: str) -> Iterator[tuple[str, bytes]]:
    """Yields each form in which a secret could be told: the form's name, and the bytes."""
    plain = {secret}
    if len(secret) >= HALVED:
        # As in a line that was cut off.
        plain |= {secret[: len(secret) // 2], secret[len(secret) // 2 :]}
    yield from (("plain", one.encode()) for one in plain)
    encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)} - plain
    yield from (("percent-encoded", one.encode()) for one in encoded)
    # Also within a longer text, as in Basic: there each byte may have any of three places.
    for place in range(3):
        whole = base64.b64encode(b"\0" * place + secret.encode())
        inner = whole[(0, 2, 3)[place] : (place + len(secret.encode())) * 8 // 6]
        yield from {("base64", inner), ("base64", inner.translate(bytes.maketrans(b"+/", b"-_")))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A secret where it must not be."""

    seed: str
    form: str
    place: str


@dataclass(slots=True, kw_only=True)
class Seeds:
    """The secrets of a test, and where it put them itself.

    Attributes:
        values: The secrets, each by its name.
        known: For a name the patterns of the files below the searched folder which hold the secret
            because the test put it there, or because they are the program that has to have it.
    """

    values: dict[str, str]
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    met: set[tuple[str, str]] = field(default_factory=set)

    def in_text(self, text: str, place: str) -> list[Leak]:
        """Searches what a command printed."""
        return list(self._found(text.encode("utf-8", "surrogateescape"), place))

    def in_files(self, root: Path) -> list[Leak]:
        """Searches the content and the names of all files below a folder."""
        leaks = []
        for path in sorted(root.rglob("*")):
            place = path.relative_to(root).as_posix()
            leaks += self._found(place.encode("utf-8", "surrogateescape"), f"the name {place}")
            if path.is_file() and not path.is_symlink():
                leaks += self._unknown(self._found(_content(path), place))
        return leaks

    def unmet(self) -> set[tuple[str, str]]:
        """Returns what of ``known`` held no secret: a list of exceptions must not be too long."""
        listed = {(name, pattern) for name, all_ in self.known.items() for pattern in all_}
        return listed - self.met

    def _found(self, content: bytes, place: str) -> Iterator[Leak]:
        for name, secret in self.values.items():
            for form, wanted in forms(secret):
                if wanted in content:
                    yield Leak(seed=name, form=form, place=place)

    def _unknown(self, leaks: Iterator[Leak]) -> Iterator[Leak]:
        for leak in leaks:
            patterns = [
                one for one in self.known.get(leak.seed, ()) if fnmatch.fnmatch(leak.place, one)
            ]
            self.met.update((leak.seed, one) for one in patterns)
            if not patterns:
                yield leak


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return content + gzip.decompress(content) if content.startswith(GZIP) else content
