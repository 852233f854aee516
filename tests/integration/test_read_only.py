"""A catalog that is read-only, and the real command line as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from tests.support import images
from tests.support.server import running_server
from tests.support.tokens import create_token
from tests.unit.catalog.holding import candidate, image, submission

CATALOG_STATUS = 8


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Makes a folder read-only: for root by a mount, because root ignores permissions."""
    if os.geteuid() == 0:
        command = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        try:
            yield
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in folders:
            path.chmod(0o755)


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Returns time and bytes of everything below a folder."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (folder, *folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A read-only catalog, next to which everything else can be written."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "firmware.bin").write_bytes(images.esp8266_image())
    (folder / "old").mkdir()
    (folder / "old/lamp-0.9.0_d1.bin").write_bytes(images.esp8266_image(seed=9))
    (folder / "public.pem").write_text(acpublish.create_key(folder / "key.pem").pem)
    made = folder / "catalog"
    made.mkdir()
    # What the channel pointed at before the last two may be cleared away.
    old = datetime.now(timezone.utc) - timedelta(days=400)
    for version in ("0.1.0", "1.0.0", "1.1.0", "1.2.0"):
        DirectoryCatalog(made).put(candidate(image(version)), submission(version), now=old)
    acpublish.withdraw("lamp", "1.1.0", to=made, reason="it hangs")
    with read_only(made):
        yield made


def run(
    catalog: Path, command: str, to: str = "catalog", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command as a process, with a state folder next to the catalog."""
    folder = catalog.parent
    if " --to " not in command:
        command = f"{command} --to {to}"
    return subprocess.run(
        [sys.executable, "-m", "acpublish", *command.split()],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            **environ,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        "publish firmware.bin --product lamp --version 2.0.0 --board d1",
        "publish firmware.bin --product bell --version 2.0.0 --board d1",
        "promote lamp 1.0.0 --channel beta",
        "rollback lamp --channel stable --yes",
        "withdraw lamp 1.2.0 --reason bad --yes",
        "withdraw lamp 1.1.0 --undo --yes",
        "delete lamp 1.0.0 --reason secret --yes",
        "retain lamp --keep 1 --older-than 0s --apply",
        "import old --yes",
        "key trust public.pem --product lamp --yes",
        "key resign --key key.pem --product lamp",
    ],
)
def test_what_would_change_it_is_refused_in_one_line(catalog: Path, command: str) -> None:
    before = everything(catalog)
    done = run(catalog, command)
    assert done.returncode == CATALOG_STATUS, done.stderr
    (error,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert error.startswith("acpublish: error: ")
    assert error == done.stderr.splitlines()[-1]
    assert "the catalog" in error
    assert "read-only file system" in error or "permission denied" in error
    assert "Make it writable for this user" in error
    assert "Traceback" not in done.stdout + done.stderr
    assert everything(catalog) == before


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("channels lamp", "1.2.0"),
        ("history lamp", "it hangs"),
        ("status lamp", "1.2.0"),
        ("explain lamp --board d1 --version 1.0.0", "1.2.0"),
        ("list --path lamp --all", "withdrawn: it hangs"),
        ("retain lamp --keep 1 --older-than 0s", "add --apply"),
        ("publish firmware.bin --product lamp --version 2.0.0 --board d1 --dry-run", "2.0.0"),
    ],
)
def test_what_only_reads_works(catalog: Path, command: str, words: str) -> None:
    before = everything(catalog)
    done = run(catalog, command)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout + done.stderr
    assert everything(catalog) == before


def test_a_server_on_it_says_so_without_its_paths(catalog: Path) -> None:
    folder, before = catalog.parent, everything(catalog)
    token = create_token(folder / "state", "*", manage=True)
    with running_server(catalog, folder) as server:
        for command in (
            "publish firmware.bin --product lamp --version 2.0.0 --board d1",
            "promote lamp 1.0.0 --channel beta",
            "withdraw lamp 1.2.0 --reason bad --yes",
            "delete lamp 1.0.0 --reason secret --yes",
        ):
            done = run(catalog, command, server.url, ACPUBLISH_TOKEN=token)
            assert done.returncode == 5, done.stderr
            error = done.stderr.splitlines()[-1]
            assert error.startswith("acpublish: error: ")
            assert "the server cannot write its catalog" in error
            assert str(catalog) not in done.stdout + done.stderr
        assert "read-only file system" in server.log() or "permission denied" in server.log()
    assert everything(catalog) == before
