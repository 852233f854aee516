"""The systemd unit, judged by systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import ROOT

UNIT = ROOT / "deploy" / "systemd" / "acpublish.service"
ANALYZE = shutil.which("systemd-analyze") or ""
#: Of 100; what is left is mostly that a server needs the network.
MOST_EXPOSURE = 20


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is installed here."""
    if not ANALYZE:
        pytest.skip("systemd-analyze is not installed (Debian: apt-get install systemd)")
    program = Path(sys.executable).with_name("acpublish")
    text = UNIT.read_text(encoding="utf-8")
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace("/opt/acpublish/bin/acpublish", str(program)), encoding="utf-8")
    return copy


def test_systemd_finds_no_fault(unit: Path) -> None:
    done = subprocess.run([ANALYZE, "verify", unit], capture_output=True, text=True, check=False)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.stem in line]
    assert (done.returncode, ours) == (0, [])


def test_systemd_finds_it_closed(unit: Path) -> None:
    words = ["security", "--offline=yes", f"--threshold={MOST_EXPOSURE}", "--no-pager", str(unit)]
    done = subprocess.run([ANALYZE, *words], capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze judges no files: 250 is the first that does")
    assert done.returncode == 0, done.stdout


def test_it_may_write_what_it_is_given_and_nothing_else() -> None:
    text = UNIT.read_text(encoding="utf-8")
    started = re.search(r"^ExecStart=.* --to (\S+) --state (\S+) ", text, re.M)
    assert started
    assert f"ReadWritePaths={started[1]}\n" in text
    assert f"StateDirectory={Path(started[2]).name}\n" in text
    assert Path(started[2]).parent == Path("/var/lib")
    assert "ProtectSystem=strict\n" in text
