"""The real openssl, the judge of keys and signatures."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed (Debian: openssl)"
)


def openssl(*words: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Runs openssl, whatever it says."""
    return subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, timeout=60, check=False
    )


def made(*words: str | Path) -> None:
    """Runs openssl, which has to succeed."""
    done = openssl(*words)
    assert done.returncode == 0, done.stderr.decode()


def verifies(public: Path, signature: bytes, data: bytes, directory: Path) -> bool:
    """Tells what ``openssl dgst -sha256 -verify`` says of a signature."""
    (directory / "judged.sig").write_bytes(signature)
    (directory / "judged.data").write_bytes(data)
    words = ("dgst", "-sha256", "-verify", public, "-signature", directory / "judged.sig")
    done = openssl(*words, directory / "judged.data")
    assert done.stdout.strip() in (b"Verified OK", b"Verification failure", b"Verification Failure")
    return done.returncode == 0
