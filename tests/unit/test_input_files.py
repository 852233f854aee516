"""Files that the user names are read up to a limit, and every trouble is one clear error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from acpublish.control.running_file import read_running
from acpublish.errors import AcpublishError, PartitionError, SettingsError
from acpublish.input_files import ca_file, read_bounded, read_own
from acpublish.server.device_access_file import read_access
from acpublish.server.token_file import last_uses, read_tokens
from tests.support.certificates import certificates


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1024)
    assert read_bounded(path, 1024, SettingsError, hint="Use another.") == b"x" * 1024
    path.write_bytes(b"x" * 1025)
    with pytest.raises(PartitionError, match="the table is larger than 1 KiB") as caught:
        read_bounded(path, 1024, PartitionError, hint="Use another.", name="the table")
    assert caught.value.hint == "Use another."


@pytest.mark.parametrize(
    ("name", "why"), [("none", "no such file"), ("a" * 300, "name too long"), ("a\0b", "null byte")]
)
def test_what_cannot_be_read(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(SettingsError, match=f"cannot be read: .*{why}"):
        read_bounded(tmp_path / name, 1024, SettingsError, hint="Use another.")


def test_a_file_of_our_own_is_never_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "running.json"
    path.write_bytes(b"{}")
    assert read_own(path) == b"{}"
    with pytest.raises(FileNotFoundError):
        read_own(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        read_own(tmp_path)
    pipe = tmp_path / "pipe"
    make_pipe = getattr(os, "mkfifo", None)
    if make_pipe is None:
        pytest.skip("this system has no FIFOs")
    make_pipe(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        read_own(pipe)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("running.json", lambda state: read_running(state)),
        ("tokens-used.json", lambda state: last_uses(state)),
        ("tokens.json", lambda state: read_tokens(state / "tokens.json")),
        ("device-access.json", lambda state: read_access(state / "device-access.json")),
    ],
)
def test_a_pipe_in_the_state_folder_keeps_nobody_waiting(
    tmp_path: Path, name: str, read: Callable[[Path], object]
) -> None:
    os.mkfifo(tmp_path / name)
    try:
        assert not read(tmp_path)
    except AcpublishError as error:
        assert "it is not a regular file" in error.problem  # noqa: PT017


def test_a_ca_file_has_a_certificate(tmp_path: Path) -> None:
    files = certificates(tmp_path)
    assert ca_file(files.ca) == files.ca
    # Bundles have comments, in any language.
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes("# Ämter\n".encode() + files.ca.read_bytes() * 2)
    assert ca_file(bundle) == bundle
    (tmp_path / "empty.pem").touch()
    for path in (files.key, tmp_path / "empty.pem"):
        with pytest.raises(SettingsError, match="does not contain a certificate in PEM"):
            ca_file(path)
    for path in (tmp_path / "missing.pem", tmp_path, Path("a\0b")):
        with pytest.raises(SettingsError, match=r"the CA file .* cannot be read"):
            ca_file(path)
