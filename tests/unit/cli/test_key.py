"""``key create``, ``key show``, ``sign`` and ``verify``: files, statuses, and no secrets."""

from __future__ import annotations

import io
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


@pytest.fixture
def keys(acpublish: CommandLine, tmp_path: Path) -> dict[str, str]:
    """Two keys, as files ``old.pem``, ``old.pub`` and so on; their ids."""
    ids = {}
    for name in ("old", "new"):
        acpublish("key", "create", "-o", f"{name}.pem")
        (tmp_path / f"{name}.pub").write_text(acpublish("key", "show", f"{name}.pem").out)
        ids[name] = acpublish("key", "show", f"{name}.pub", "--json").json()["key"]
    return ids


def test_a_key_is_rotated_with_commands(
    acpublish: CommandLine,
    firmware: Path,
    catalog: Path,
    keys: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")
    publish = ("publish", firmware, "--to", catalog, *names)
    trust = ("key", "trust", catalog, "--product", "lamp")
    assert "trusts no keys" in acpublish(*trust).out
    said = acpublish(*trust, "old.pub")
    assert said.out == f"lamp trusts key {keys['old']}\n"
    refused = acpublish(*publish)
    assert refused.status == 7
    assert refused.error().startswith("acpublish: error: signature: ")
    assert acpublish(*publish, "--key", "new.pem").status == 7
    monkeypatch.setenv("ACPUBLISH_SIGNING_KEY", "old.pem")
    assert acpublish(*publish).status == 0
    monkeypatch.delenv("ACPUBLISH_SIGNING_KEY")
    assert acpublish(*trust, "new.pub", "--json").json() == {
        "product": "lamp",
        "keys": [
            {"key": keys[name], "public": Path(f"{name}.pub").read_text()}
            for name in ("old", "new")
        ],
        "withheld": [],
    }
    early = acpublish(*trust, "--remove", keys["old"])
    assert early.status == 2
    assert "acpublish key resign" in early.error()
    resign = ("key", "resign", catalog, "--product", "lamp", "--key", "new.pem")
    assert acpublish(*resign).out == "lamp: 1 image signed, 0 already signed with this key\n"
    assert acpublish(*resign, "--json").json()["already"] == 1
    assert acpublish(*trust, "--remove", keys["old"]).out == f"lamp trusts key {keys['new']}\n"
    (entry,) = acpublish("list", catalog, "--path", "lamp", "--json").json()
    assert entry["signed_with"] == sorted(keys.values())
    assert f"signed {sorted(keys.values())[0]}" in acpublish("list", catalog, "--path", "lamp").out


def test_a_check_judges_the_signature_that_a_publish_would_make(
    acpublish: CommandLine, firmware: Path, catalog: Path, keys: dict[str, str]
) -> None:
    acpublish("key", "trust", catalog, "--product", "lamp", "old.pub")
    check = (
        "check",
        firmware,
        "--to",
        catalog,
        "--product",
        "lamp",
        "--version",
        "1.2.3",
        "--json",
    )

    def judged(*more: str) -> tuple[int, str]:
        said = acpublish(*check, *more)
        return said.status, {one["check"]: one["result"] for one in said.json()}["signature"]

    assert judged() == (0, "not checked")
    assert judged("--board", "d1_mini") == (7, "error")
    assert judged("--board", "d1_mini", "--key", "new.pem") == (7, "error")
    assert judged("--board", "d1_mini", "--key", "old.pem") == (0, "ok")
    assert not list(catalog.glob("lamp/*.bin"))


def test_what_is_withheld_is_a_warning(
    acpublish: CommandLine, firmware: Path, catalog: Path, keys: dict[str, str]
) -> None:
    names = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")
    publish = ("publish", firmware, "--to", catalog, *names)
    trust = ("key", "trust", catalog, "--product", "lamp")
    assert acpublish(*publish).status == 0
    said = acpublish(*trust, "old.pub", "--yes")
    assert said.status == 0
    assert "warning: withheld from now on: lamp/lamp-1.2.3_d1_mini.bin: it is not" in said.err
    assert acpublish("list", catalog, "--path", "lamp", "--json").json() == []
    unsigned = acpublish("key", "resign", catalog, "--product", "lamp", "--key", "old.pem")
    assert (
        "if it is yours, publish the same files again with such a key (--key PEM)" in unsigned.err
    )
    assert "signature added" in acpublish(*publish, "--key", "old.pem").out
    left = acpublish("key", "resign", catalog, "--product", "lamp", "--key", "new.pem")
    assert left.err == ""
    acpublish(*trust, "new.pub")
    forced = acpublish(*trust, "--remove", keys["new"], "--force")
    assert forced.status == 0
    none = acpublish(*trust, "--remove", "old.pub", "-y")
    assert "it accepts unsigned releases" in none.out


def test_wrong_keys_are_one_line(
    acpublish: CommandLine, firmware: Path, catalog: Path, keys: dict[str, str], tmp_path: Path
) -> None:
    trust = ("key", "trust", catalog, "--product", "lamp")
    said = acpublish(*trust, "old.pem")
    assert (said.status, "private key" in said.error()) == (2, True)
    assert acpublish(*trust, "old.pub", "--remove", keys["old"]).status == 2
    unknown = acpublish(*trust, "--remove", "0" * 16)
    assert unknown.status == 8
    assert f"trusts: acpublish key trust --to {catalog} --product lamp\n" in unknown.error() + "\n"
    assert acpublish(*trust, "--remove", "0" * 16, "--yes").status == 8
    assert acpublish("key", "trust", "missing", "--product", "lamp", "old.pub").status == 8
    assert acpublish("key", "trust", catalog, "--product", "../x", "old.pub").status == 7
    missing = acpublish(*trust, "missing.pub").error()
    assert "Use the PEM file of a public key; 'acpublish key show KEY.pem' prints one." in missing
    resign = ("key", "resign", catalog, "--product", "lamp", "--key")
    assert acpublish(*resign, "old.pub").status == 2
    names = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")
    publish = ("publish", firmware, "--to", catalog, *names, "--key")
    for wrong in ("missing.pem", firmware, "old.pub"):
        refused = acpublish(*publish, wrong)
        assert refused.status == 2
        assert refused.error()
    assert not list(catalog.rglob("*.bin"))
    assert not any(line in said.err for line in secret_lines(tmp_path / "old.pem"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def published(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    names = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")
    assert acpublish("publish", firmware, "--to", catalog, *names).status == 0


@pytest.mark.usefixtures("published")
def test_the_first_key_withholds_nothing_unasked(
    acpublish: CommandLine, catalog: Path, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = ("key", "trust", catalog, "--product", "lamp")
    refused = acpublish(*trust, "old.pub")
    assert refused.status == 2
    assert f"withholds 1 of 1 releases of lamp, because key {keys['old']}" in refused.error()
    command = f"acpublish key resign --to {catalog} --product lamp --key PEM"
    assert f"Sign them first ({command}), or pass --yes to withhold them." in refused.error()
    assert acpublish(*trust, "old.pub", "--json").status == 2
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    declined = acpublish(*trust, "old.pub")
    assert (declined.status, declined.out) == (1, "nothing was changed\n")
    assert "warning: this withholds 1 of 1 releases" in declined.err
    assert "trusts no keys" in acpublish(*trust).out
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    agreed = acpublish(*trust, "old.pub")
    assert (agreed.status, agreed.out) == (0, f"lamp trusts key {keys['old']}\n")


@pytest.mark.usefixtures("published")
def test_releases_are_signed_before_the_first_key_is_trusted(
    acpublish: CommandLine, catalog: Path, keys: dict[str, str]
) -> None:
    said = acpublish("key", "resign", catalog, "--product", "lamp", "--key", "old.pem")
    assert said.out == "lamp: 1 image signed, 0 already signed with this key\n"
    assert "warning: lamp trusts no key yet" in said.err
    said = acpublish("key", "trust", catalog, "--product", "lamp", "old.pub")
    assert (said.status, said.err) == (0, "")
    assert len(acpublish("list", catalog, "--path", "lamp", "--json").json()) == 1


def test_the_last_key_stays_until_that_is_confirmed(
    acpublish: CommandLine, catalog: Path, keys: dict[str, str]
) -> None:
    trust = ("key", "trust", catalog, "--product", "lamp")
    acpublish(*trust, "old.pub")
    refused = acpublish(*trust, "--remove", "old.pub", "--force")
    assert refused.status == 2
    assert f"{keys['old']} is the last key that lamp trusts" in refused.error()
    assert "signed, and so far there are none. Pass --yes if you want that." in refused.error()
    assert keys["old"] in acpublish(*trust).out
