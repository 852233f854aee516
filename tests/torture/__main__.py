"""``python -m tests.torture [--short] [NAME ...]``: the figures of the attacks, as a table."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.torture.attacks import ATTACKS
from tests.torture.measuring import FULL, SHORT, measure


def main(words: list[str]) -> None:
    """Runs the attacks, and prints a line for each."""
    size = SHORT if "--short" in words else FULL
    names = [word for word in words if word != "--short"] or list(ATTACKS)
    print("   attack            slowest check   failed   memory   other")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            measured = measure(name, Path(folder), size)
        other = ", ".join(f"{key} {value:.6g}" for key, value in measured.figures.items())
        memory = "?" if measured.grown_mb is None else f"{measured.grown_mb:+.0f} MB"
        print(
            f"{ATTACKS[name][0]}  {name:16} {measured.slowest_s * 1000:10.0f} ms "
            f"{measured.failed:4d}/{measured.checks:<5d} {memory:>7}   {other}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
