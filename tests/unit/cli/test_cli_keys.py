"""``key create``, ``key show``, ``sign`` and ``verify``: files, statuses, and what is not said."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.support import images
from tests.support.openssl import needs_openssl, openssl
from tests.unit.cli.invoking import CommandLine


def secret_lines(path: Path) -> list[str]:
    """Returns the lines of a private key that must not be seen anywhere."""
    return [line for line in path.read_text().splitlines() if "-----" not in line]


def test_a_key_is_its_owners_alone_and_never_overwritten(
    acpublish: CommandLine, tmp_path: Path
) -> None:
    said = acpublish("key", "create")
    assert said.status == 0
    path = tmp_path / "signing-key.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    again = acpublish("key", "create", "-o", path)
    assert again.status == 2
    assert "file exists" in again.error()
    assert path.read_bytes() == before
    assert not any(line in said.out + said.err + again.err for line in secret_lines(path))


@needs_openssl
@pytest.mark.parametrize("more", [(), ("--rsa",)])
def test_show_prints_what_openssl_reads(
    acpublish: CommandLine, tmp_path: Path, more: tuple[str, ...]
) -> None:
    acpublish("key", "create", "-o", "k.pem", *more)
    said = acpublish("key", "show", "k.pem")
    assert said.status == 0
    assert said.out.encode() == openssl("pkey", "-in", tmp_path / "k.pem", "-pubout").stdout
    (tmp_path / "public.pem").write_text(said.out)
    document = acpublish("key", "show", "public.pem", "--json").json()
    assert document["public"] == said.out
    assert f"key {document['key']} ({document['algorithm']})" in said.err
    assert not any(line in said.out for line in secret_lines(tmp_path / "k.pem"))


def test_sign_and_verify(acpublish: CommandLine, firmware: Path, tmp_path: Path) -> None:
    acpublish("key", "create", "-o", "rsa.pem", "--rsa")
    acpublish("key", "create", "-o", "other.pem", "--rsa")
    for name in ("rsa", "other"):
        (tmp_path / f"{name}.pub").write_text(acpublish("key", "show", f"{name}.pem").out)
    before = firmware.read_bytes()
    said = acpublish("sign", firmware, "--key", "rsa.pem", "-o", "signed.bin", "--json")
    assert said.json()["size"] == len(before) + 260
    assert firmware.read_bytes() == before
    assert acpublish("inspect", "signed.bin", "--json").json()["kind"] == "signed"
    right = acpublish("verify", "signed.bin", "--key", "rsa.pub")
    assert (right.status, right.err) == (0, "")
    assert f"signed with key {said.json()['key']}" in right.out
    wrong = acpublish("verify", "signed.bin", "--key", "other.pub", "--json")
    assert (wrong.status, wrong.json()["valid"]) == (1, False)
    assert acpublish("verify", "signed.bin", "--key", "other.pub").status == 1
    plain = acpublish("sign", firmware, "--key", "rsa.pem", "-o", "signed.bin")
    assert f"signed with key {said.json()['key']}" in plain.out


def test_what_cannot_be_signed_is_one_line(
    acpublish: CommandLine, firmware: Path, tmp_path: Path
) -> None:
    acpublish("key", "create", "-o", "rsa.pem", "--rsa")
    acpublish("key", "create", "-o", "ec.pem")
    sign = ("sign", firmware, "-o", "signed.bin", "--key")
    assert acpublish(*sign, "no.pem").status == 2
    assert acpublish(*sign, "ec.pem").status == 2
    assert acpublish(*sign, firmware).status == 2
    firmware.write_bytes(images.esp32_image())
    said = acpublish(*sign, "rsa.pem")
    assert said.status == 7
    assert "espsecure sign-data" in said.error()
    firmware.write_bytes(images.esp8266_image())
    assert acpublish("verify", firmware, "--key", "rsa.pem").status == 2
    assert not (tmp_path / "signed.bin").exists()
