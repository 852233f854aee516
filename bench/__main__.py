"""Runs the measurements and prints their results.

The exit status is 0 even when goals are missed, because other machines and busy ones differ; with
``--strict`` it is 1 when one is missed or could not be measured, and 2 when something fails.
"""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import acpublish
from bench import fleet, growth, hook, large, pages, passes, rates, slow, store
from bench.report import BenchError, Report, Unavailable
from bench.scale import FULL, SHORT, Scale

Measurement = Callable[[Scale, Path], Report]

MEASUREMENTS: dict[str, Measurement] = {
    "images": rates.images,
    "checks": rates.checks,
    "lists": rates.lists,
    "growth": growth.growth,
    "slow": slow.downloads,
    "large": large.listing,
    "hook": hook.builds,
    "passes": passes.passes,
    "store": store.store,
    "fleet": fleet.fleet,
    "pages": pages.pages,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the measurements that are named, or all of them.

    Args:
        arguments: The command line's; None for this process's.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--strict", action="store_true", help="status 1 for a missed goal")
    parser.add_argument("--short", action="store_true", help="tiny counts, to check that it works")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"there is no measurement {unknown[0]}; use one of: {', '.join(MEASUREMENTS)}")
    chosen = {name: MEASUREMENTS[name] for name in given.names or MEASUREMENTS}
    # As pip does when it installs the package; otherwise a start would compile it.
    compileall.compile_dir(Path(acpublish.__file__).parent, quiet=2)
    return run(chosen, SHORT if given.short else FULL, strict=given.strict)


def run(measurements: Mapping[str, Measurement], scale: Scale, *, strict: bool) -> int:
    """Runs measurements one after the other, and prints each report as soon as it is ready.

    Returns:
        The exit status.
    """
    _say(
        f"{os.cpu_count()} cores, {_processor()}, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )
    begin = time.monotonic()
    all_reached = True
    for name, measurement in measurements.items():
        with tempfile.TemporaryDirectory(prefix="acpublish-bench-") as folder:
            try:
                report = measurement(scale, Path(folder))
            except Unavailable as reason:
                report = Report(title=name, skipped=str(reason))
            except BenchError as error:
                sys.stderr.write(f"bench: {name}: {error}\n")
                return 2
        all_reached = all_reached and report.reached
        _say(report.text())
    _say(f"{time.monotonic() - begin:.0f} s in total")
    return 1 if strict and not all_reached else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


if __name__ == "__main__":
    sys.exit(main())
