"""Fuzzes one reader in its own process: ``python -m tests.fuzz.worker READER SECONDS DIRECTORY``.

atheris is guided by the branches that are taken. If it cannot be installed, hypothesis
changes the seeds at random until the time has passed.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path


def _with_atheris(reader: str, seconds: int, findings: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["acpublish.image", "acpublish.server"]):
        from tests.fuzz.readers import READERS, seeds

    corpus = findings / reader
    corpus.mkdir()
    for path in seeds(reader):
        shutil.copy(path, corpus)
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={findings}/{reader}-",
        "-max_len=16384",
        "-timeout=30",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup(["fuzz", *options, str(corpus)], READERS[reader])
    atheris.Fuzz()


def _with_hypothesis(reader: str, seconds: int) -> None:
    from hypothesis import HealthCheck, given, settings

    from tests.fuzz.mutations import mutations
    from tests.fuzz.readers import READERS

    @settings(max_examples=500, deadline=None, database=None, suppress_health_check=HealthCheck)
    @given(mutations(reader))
    def run(data: bytes) -> None:
        READERS[reader](data)

    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end:
        run()
        rounds += 1
    print(f"{rounds} rounds of 500")


if __name__ == "__main__":
    name, duration, directory = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    try:
        import atheris  # noqa: F401
    except ImportError:
        _with_hypothesis(name, duration)
    else:
        _with_atheris(name, duration, directory)
