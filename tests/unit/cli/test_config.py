"""``acpublish config``, and settings of files in other commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.settings.setting_names import NAMES
from tests.unit.cli.invoking import CommandLine

SECRET = "acp_abcdefgh1234"


def rows(text: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with settings in each place."""
    (tmp_path / "platformio.ini").write_text(
        "[env:d1]\nboard = d1_mini\ncustom_ota_channel = ini\n"
        "[env:c3]\nboard = c3\ncustom_ota_channel = ini\n"
    )
    (tmp_path / "acpublish.toml").write_text(
        'channel = "toml"\nproduct = "lamp"\nskip_checks = ["slot=a", "debug-build=b"]\n'
    )
    (tmp_path / "config" / "acpublish").mkdir(parents=True)
    (tmp_path / "config" / "acpublish" / "config.toml").write_text('product = "x"\nto = "cat"\n')
    return tmp_path


def test_each_value_and_where_it_comes_from(
    acpublish: CommandLine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_KIND", "filesystem")
    said = acpublish("config", "--show-origin", "-e", "c3")
    assert said.status == 0
    found = rows(said.out)
    assert tuple(found) == NAMES
    assert found["kind"] == ["filesystem", "ACPUBLISH_KIND"]
    assert found["channel"] == ["ini", "custom_ota_channel", "in", "platformio.ini"]
    assert found["product"] == ["lamp", "product", "in", "acpublish.toml"]
    assert found["to"][:3] == ["cat", "to", "in"]
    assert found["board"] == ["c3", "the", "option", "board", "in", "platformio.ini"]
    assert found["skip_checks"][:2] == ["slot=a;", "debug-build=b"]
    assert found["compress"] == ["no", "default"]
    assert found["version"] == ["-"]


def test_values_alone_and_as_a_document(acpublish: CommandLine, project: Path) -> None:
    assert rows(acpublish("config").out)["channel"] == ["ini"]
    document = acpublish("config", "--json").json()
    assert [one["setting"] for one in document] == list(NAMES)
    channel = next(one for one in document if one["setting"] == "channel")
    assert channel["origin"] == "custom_ota_channel in platformio.ini"


def test_no_secret_is_shown(
    acpublish: CommandLine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_TOKEN", SECRET)
    monkeypatch.setenv("ACPUBLISH_TO", f"http://user:{SECRET}@h/{SECRET}")
    monkeypatch.setenv("ACPUBLISH_SIGNING_KEY", f"-----BEGIN PRIVATE KEY-----\n{SECRET}")
    monkeypatch.setenv("ACPUBLISH_SKIP_CHECKS", f"slot={SECRET}")
    with (project / "acpublish.toml").open("a") as file:
        file.write(f'token = "{SECRET}"\n')
    for option in ("--show-origin", "--json"):
        said = acpublish("config", option)
        assert said.status == 0
        assert SECRET not in said.out + said.err
        assert "***" in said.out
        assert "the token in acpublish.toml is not used" in said.err
    assert SECRET not in acpublish("publish", "x.bin").err


def test_a_value_that_is_not_valid_is_marked_and_explained(
    acpublish: CommandLine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ini = project / "platformio.ini"
    ini.write_text(ini.read_text() + "custom_ota_version = 9.x\ncustom_ota_board = Größe\n")
    monkeypatch.setenv("ACPUBLISH_COMPRESS", "maybe")
    for name in ("SIGNING_KEY", "CA", "PARTITIONS"):
        monkeypatch.setenv(f"ACPUBLISH_{name}", "missing")
    said = acpublish("config", "-e", "c3")
    found = rows(said.out)
    assert said.status == 0
    marked = [name for name, cells in found.items() if cells[-2:] == ["(not", "valid)"]]
    assert marked == ["version", "board", "compress", "partitions", "signing_key", "ca"]
    assert found["version"] == ["9.x", "(not", "valid)"]
    warnings = said.err.splitlines()
    assert len(warnings) == len(marked)
    assert warnings[0].startswith("acpublish: warning: custom_ota_version: '9.x' is not a valid")
    assert "the board name 'Größe' is invalid" in warnings[1]
    documents = {row["setting"]: row for row in acpublish("config", "-e", "c3", "--json").json()}
    assert "'maybe' is neither yes nor no" in documents["compress"]["problem"]
    assert documents["channel"]["problem"] is None
    # The other environment has none of these values.
    assert "9.x" not in acpublish("config", "-e", "d1").out


def test_what_marks_a_value_is_what_a_publish_refuses(
    acpublish: CommandLine, project: Path, firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invalid = {
        "TO": "ftp://h", "PRODUCT": "La mp", "VERSION": "1", "BOARD": "D1", "CHANNEL": "a b",
        "KIND": "disk", "CHIP": "z80", "CORE": "3", "COMPRESS": "?", "SKIP_CHECKS": "slot",
        "SECRET_SCAN": "?", "ACCEPT_SECRETS": "x", "SIGNING_KEY": "none.pem",
        "INSECURE_HTTP": "?", "CA": "none.pem",
    }  # fmt: skip
    (project / "platformio.ini").unlink()
    # Only a server has the last two.
    server = "http://127.0.0.1:9"
    options = ("--to", server, "--product", "lamp", "--version", "1.0.0", "--board", "d1")
    for name, value in invalid.items():
        monkeypatch.setenv(f"ACPUBLISH_{name}", value)
        (problem,) = (
            row["problem"] for row in acpublish("config", "--json").json() if row["problem"]
        )
        others = [
            word
            for option, text in zip(options[::2], options[1::2], strict=True)
            if option != f"--{name.lower()}"
            for word in (option, text)
        ]
        assert problem in acpublish("publish", firmware, *others).error()
        monkeypatch.delenv(f"ACPUBLISH_{name}")


def test_a_token_file_is_not_read_to_be_shown(acpublish: CommandLine, project: Path) -> None:
    with (project / "acpublish.toml").open("a") as file:
        file.write('token_file = "missing"\n')
    found = rows(acpublish("config", "--show-origin").out)
    assert found["token"] == ["***", "the", "file", "of", "token_file", "in", "acpublish.toml"]


def test_a_publish_takes_what_files_say(
    acpublish: CommandLine, project: Path, firmware: Path
) -> None:
    (project / "config" / "acpublish" / "cat").mkdir()
    (project / "VERSION").write_text("1.2.3\n")
    with (project / "acpublish.toml").open("a") as file:
        file.write('version = "file:VERSION"\n')
    said = acpublish("publish", firmware, "-e", "d1")
    assert said.status == 0, said.err
    assert said.out.startswith("lamp 1.2.3 for d1_mini (ini): published")
    error = acpublish("publish", firmware).error()
    assert error.startswith(
        "acpublish: error: no board is given. Choose the environment with -e d1 "
    )


@pytest.mark.parametrize("words", [("config",), ("publish", "x.bin"), ("check", "x.bin")])
def test_a_bad_file_is_one_line(acpublish: CommandLine, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "acpublish.toml").write_text("chanel = 'beta'\n")
    said = acpublish(*words)
    assert said.status == 2
    assert "acpublish.toml: 'chanel' is not a setting. Write channel" in said.error()


def test_an_import_does_not_take_a_projects_names(
    acpublish: CommandLine, project: Path, firmware: Path, catalog: Path
) -> None:
    old = project / "old"
    old.mkdir()
    firmware.rename(old / "sensor_v1.2_attic.bin")
    (one,) = acpublish("import", old, "--to", catalog, "--dry-run", "--json").json()
    assert one["product"] == "sensor"
