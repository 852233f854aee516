"""Files that the user names are read up to a limit, and every trouble is one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import PartitionError, SettingsError
from acpublish.input_files import ca_file, read_bounded
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
