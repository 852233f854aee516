"""Keys as users have them: a PEM, the path of its file, or a key that is already read."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.keyfiles import any_key, is_pem, private_key, public_key
from acpublish.keys import create_key
from acpublish.settings.layers import flags
from acpublish.settings.showing import shown as all_shown
from acpublish.settings.validators import key_file
from acpublish.settings.values import Settings

KEY = create_key()
PRIVATE, PUBLIC = KEY.to_pem(), KEY.public.pem.encode()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(PRIVATE)
    public.write_bytes(PUBLIC)
    return private, public


def test_all_forms_are_the_same_key(files: tuple[Path, Path]) -> None:
    private, public = files
    for source in (PRIVATE, PRIVATE.decode(), private, str(private), KEY):
        assert private_key(source).public.id == KEY.public.id
    for other in (PUBLIC, PUBLIC.decode(), public, str(public), KEY.public):
        assert public_key(other) == KEY.public
    for either in (PRIVATE, PRIVATE.decode(), private, PUBLIC, str(public)):
        assert any_key(either).id == KEY.public.id


def test_what_is_a_pem() -> None:
    assert is_pem(PUBLIC)
    assert is_pem(b"anything")
    assert is_pem(PRIVATE.decode())
    assert not is_pem("keys/private.pem")
    assert not is_pem(Path("-----BEGIN "))
    assert not is_pem(KEY)


def test_an_error_names_the_file_and_nothing_of_its_content(files: tuple[Path, Path]) -> None:
    private, public = files
    with pytest.raises(SettingsError) as caught:
        public_key(private)
    assert caught.value.problem.startswith(f"{private}: ")
    assert PRIVATE.decode().splitlines()[1] not in str(caught.value)
    with pytest.raises(SettingsError, match=r"public\.pem: "):
        private_key(public)
    with pytest.raises(SettingsError, match=r"the key .*missing\.pem cannot be read: no such file"):
        any_key(private.with_name("missing.pem"))


LINES = PRIVATE.decode().splitlines()


@pytest.mark.parametrize(
    "key",
    [
        PRIVATE.decode(),
        "\n".join(LINES[1:]),
        "\n".join(LINES[1:-1]),
        LINES[1],
        base64.b64encode(PRIVATE).decode(),
        "a" * 300,
    ],
    # The key is new in each process, and names of tests must be the same in all of them.
    ids=["pem", "no-first-line", "body", "line", "base64", "long"],
)
def test_a_key_in_the_place_of_a_path_is_refused_and_not_shown(key: str) -> None:
    for read in (private_key, public_key, any_key, key_file):
        with pytest.raises(SettingsError) as caught:
            read(Path(key))
        assert "a key itself" in str(caught.value)
        assert not any(line in str(caught.value) for line in key.splitlines())
    values = {row.name: row.value for row in all_shown(Settings(flags({"signing_key": key})))}
    assert values["signing_key"] == "***"


def test_a_file_may_have_a_name_like_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("MIGRATED.pem").write_bytes(PRIVATE)
    assert private_key("MIGRATED.pem").public.id == KEY.public.id


def test_a_key_file_is_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "endless").write_bytes(PRIVATE + b" " * 70_000)
    for read in (private_key, public_key, any_key, key_file):
        with pytest.raises(SettingsError, match="larger than 64 KiB"):
            read(tmp_path / "endless")
        with pytest.raises(SettingsError, match="cannot be read: embedded null byte"):
            read(Path("a\0b"))
