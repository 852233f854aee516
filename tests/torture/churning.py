"""Somebody who changes a catalog all the time, in a process of its own.

It publishes and withdraws releases; it replaces, overwrites, truncates, renames and copies (``cp``)
files. It runs until its standard input ends, and then prints how often it did what.

``python -m tests.torture.churning CATALOG``
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.image.stamper import stamp
from tests.support.images import esp32_image, esp8266_image
from tests.unit.catalog.holding import candidate, submission

ROOT = Path(__file__).resolve().parents[2]
SMALL_BYTES = 5120
MIB_BYTES = 1 << 20
#: More than a quarter of the cache for hand-copied files, so it is read piece by piece.
LARGE_BYTES = 9 << 20
#: By name below ``loose/``: the size of a hand-copied file.
LOOSE = {"small.bin": SMALL_BYTES, "mib.bin": MIB_BYTES, "large.bin": LARGE_BYTES}
#: How many contents each of them has in turn.
CONTENTS = 3
#: By product: the size of the images of its releases.
PRODUCTS = {"lamp": SMALL_BYTES, "plug": MIB_BYTES}
#: How many releases are offered before the oldest is deleted.
_OFFERED = 4
_PAUSE_S = 0.002
_PATIENCE_S = 60.0


@functools.lru_cache
def _base(product: str) -> bytes:
    # Its CRC words take half a second each; the stamp computes them much faster.
    return esp8266_image(size=PRODUCTS[product])


def content(name: str, number: int) -> bytes:
    """Returns a content of a hand-copied file; each differs from the others everywhere."""
    return esp32_image("esp32c3", size=LOOSE[name], seed=number + 1)


class Churn:
    """Changes a catalog, one step after the other."""

    def __init__(self, catalog: Path, spare: Path) -> None:
        """Puts the first files into the catalog.

        Args:
            catalog: Its directory.
            spare: A folder on the same file system, for files that are not in it.
        """
        self._catalog = DirectoryCatalog(catalog)
        self._loose = catalog / "loose"
        self._spare = spare
        self._numbers = Counter[str]()
        self._versions: dict[str, list[int]] = {product: [] for product in PRODUCTS}
        self._loose.mkdir(exist_ok=True)
        for name in LOOSE:
            (self._loose / name).write_bytes(self._next(name))
        for product in PRODUCTS:
            self.publish(product)

    def steps(self) -> Iterator[Callable[[], str]]:
        """Returns the steps, again and again: mostly those of small files, rarely of large ones."""
        loose = (self.replace, self.overwrite, self.truncate, self.copy, self.rename_away)
        turn = 0
        while True:
            for change in loose:
                names = ["small.bin", "mib.bin"] + ["large.bin"] * (turn % 4 == 0)
                for name in names:
                    yield functools.partial(change, name)
            yield functools.partial(self.publish, "lamp")
            if turn % 3 == 0:
                yield functools.partial(self.publish, "plug")
            yield self.withdraw
            turn += 1

    def _next(self, name: str) -> bytes:
        self._numbers[name] += 1
        return content(name, self._numbers[name] % CONTENTS)

    def replace(self, name: str) -> str:
        """Replaces a file by another one, as ``mv`` does."""
        new = self._spare / name
        new.write_bytes(self._next(name))
        new.replace(self._loose / name)
        return "replaced"

    def overwrite(self, name: str) -> str:
        """Overwrites a file where it is, twice within a tick of the clock of a file system."""
        with (self._loose / name).open("r+b", buffering=0) as file:
            file.write(self._next(name))
            file.seek(0)
            file.write(self._next(name))
        return "overwritten"

    def truncate(self, name: str) -> str:
        """Truncates a file, and fills it again from there on."""
        data = self._next(name)
        with (self._loose / name).open("r+b", buffering=0) as file:
            file.truncate(len(data) // 3)
            file.write(data[: len(data) // 3])
            file.write(data[len(data) // 3 :])
        return "truncated"

    def copy(self, name: str) -> str:
        """Copies another file over it, as everyone does."""
        source = self._spare / f"source-{name}"
        source.write_bytes(self._next(name))
        subprocess.run(["cp", str(source), str(self._loose / name)], check=True)
        return "copied"

    def rename_away(self, name: str) -> str:
        """Renames a file away, and back."""
        away = self._spare / f"away-{name}"
        (self._loose / name).rename(away)
        away.rename(self._loose / name)
        return "renamed away"

    def publish(self, product: str) -> str:
        """Publishes the next release."""
        self._numbers[product] += 1
        number = self._numbers[product]
        data = stamp(_base(product), product, f"1.0.{number}")
        self._catalog.put(candidate(data), submission(f"1.0.{number}", product=product))
        self._versions[product].append(number)
        return "published"

    def withdraw(self) -> str:
        """Withdraws the latest release of a product; the oldest is deleted for good."""
        done = ""
        for product, versions in self._versions.items():
            if len(versions) > _OFFERED:
                newest = versions.pop()
                oldest = versions.pop(0)
                where = self._catalog.root
                acpublish.withdraw(product, f"1.0.{newest}", to=where, reason="torture")
                acpublish.delete(product, f"1.0.{oldest}", to=where, reason="torture")
                done = "withdrawn"
        return done


@contextlib.contextmanager
def churning(catalog: Path, *, pause_s: float = _PAUSE_S) -> Iterator[Counter[str]]:
    """Changes a catalog for a while; the first files are there when it begins.

    Args:
        catalog: The directory.
        pause_s: How long to wait between two steps.

    Yields:
        How often it did what, filled in at the end.
    """
    counts = Counter[str]()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.torture.churning", str(catalog), str(pause_s)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield counts
    finally:
        out, _ = process.communicate(timeout=_PATIENCE_S)
    counts.update(json.loads(out))


def main(catalog: Path, pause_s: float) -> None:
    """Changes a catalog until the standard input ends."""
    spare = catalog.parent / "spare"
    spare.mkdir()
    churn = Churn(catalog, spare)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    print("ready", flush=True)
    counts = Counter[str]()
    for step in churn.steps():
        counts[step()] += 1
        if ended.wait(pause_s):
            break
    del counts[""]
    shutil.rmtree(spare)
    print(json.dumps(counts))


if __name__ == "__main__":
    os.nice(1)
    main(Path(sys.argv[1]), float(sys.argv[2]))
