"""Fuzzes every reader for its share of the time: ``python -m tests.fuzz [SECONDS]``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.readers import READERS

_ROOT = Path(__file__).resolve().parents[2]


def main(seconds: int) -> int:
    """Returns the exit status: 1 if a reader failed."""
    findings = Path(tempfile.mkdtemp(prefix="fuzz-"))
    failed = []
    for reader in READERS:
        share = max(seconds // len(READERS), 1)
        print(f"{reader}: {share} s", flush=True)
        command = [sys.executable, "-m", "tests.fuzz.worker", reader, str(share), str(findings)]
        if subprocess.run(command, cwd=_ROOT, check=False).returncode:
            failed.append(reader)
    if failed:
        print(f"failed: {', '.join(failed)}; keep the file from {findings} in tests/data/fuzz")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 600))
