"""Each trouble of a project is named with the line to change; a project of init's has none."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from acpublish.doctor.findings import Finding, State
from acpublish.doctor.local import check_local
from acpublish.platformio_ini.extra_script import packaged_script
from tests.unit.doctor.faulty import Answer, Request, faulty

Check = Callable[..., list[Finding]]
COMMON = "extra_scripts = post:acpublish_ota.py\ncustom_ota_version = 1.0.0\n"
ENV = "[env:x]\nplatform = espressif8266\nboard = d1_mini\n"
TOKEN = "acp_" + "a" * 43


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Writes a project, and looks at it without a PlatformIO."""
    root = tmp_path / "lamp"
    root.mkdir()
    (root / "acpublish_ota.py").write_text(packaged_script())
    (tmp_path / "catalog").mkdir()
    (tmp_path / "home").mkdir()

    def checked(ini: str | None, **environ: str) -> list[Finding]:
        if ini is not None:
            (root / "platformio.ini").write_text(ini)
        home = str(tmp_path / "home")
        found = check_local(
            root, {"HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home, **environ}
        )
        assert found[0].name == "platformio"
        assert found[0].state is State.NOT_CHECKED
        return found[1:]

    return checked


def troubles(found: list[Finding]) -> list[tuple[str, State]]:
    return [(one.name, one.state) for one in found if one.state is not State.OK]


def ini(tmp_path: Path, environments: str = ENV, common: str = COMMON) -> str:
    return f"[env]\n{common}custom_ota_to = {tmp_path / 'catalog'}\n{environments}"


def the_trouble(found: list[Finding]) -> Finding:
    (one,) = (one for one in found if one.state is not State.OK)
    return one


def test_a_project_that_is_as_it_should_be(check: Check, tmp_path: Path) -> None:
    found = check(ini(tmp_path) + "[platformio]\nbuild_cache_dir = cache\n")
    assert [(one.name, one.state) for one in found] == [
        (name, State.OK)
        for name in (
            "extra-scripts",
            "script",
            "post",
            "build-flags",
            "settings",
            "version",
            "token",
            "destination",
            "state",
        )
    ]


def test_a_project_before_init(check: Check) -> None:
    found = the_trouble(check(ENV))
    assert (found.name, found.change) == ("extra-scripts", "Run acpublish init.")


def test_an_environment_that_replaces_the_scripts(check: Check, tmp_path: Path) -> None:
    other = "[env:y]\nboard = d1_mini\nextra_scripts = pre:mine.py\n"
    found = the_trouble(check(ini(tmp_path, ENV + other)))
    assert (found.name, found.state) == ("extra-scripts", State.ERROR)
    assert "in [env:y] replaces that of [env]" in found.what
    assert found.change.startswith("Add post:acpublish_ota.py to extra_scripts in [env:y]")


def test_an_environment_that_is_not_published_on_purpose(check: Check, tmp_path: Path) -> None:
    own = f"{ENV}{COMMON}custom_ota_to = {tmp_path / 'catalog'}\n[env:y]\nboard = d1_mini\n"
    found = the_trouble(check(own))
    assert (found.name, found.state) == ("extra-scripts", State.WARNING)
    assert "the environment y does not have" in found.what


def test_a_script_of_another_name_and_place(check: Check, tmp_path: Path) -> None:
    scripts = tmp_path / "lamp" / "scripts"
    scripts.mkdir()
    (scripts / "ota.py").write_text(packaged_script())
    assert not troubles(check(ini(tmp_path, common=COMMON.replace("acpublish_", "scripts/"))))


def test_a_script_that_is_missing(check: Check, tmp_path: Path) -> None:
    (tmp_path / "lamp" / "acpublish_ota.py").unlink()
    found = the_trouble(check(ini(tmp_path)))
    assert (found.name, found.state) == ("script", State.ERROR)
    assert found.change == "Run acpublish init."


def test_a_script_of_another_version(check: Check, tmp_path: Path) -> None:
    (tmp_path / "lamp" / "acpublish_ota.py").write_text("from acpublish.pio import setup\n")
    found = the_trouble(check(ini(tmp_path)))
    assert (found.name, found.state) == ("script", State.WARNING)


def test_a_script_that_is_named_twice(check: Check, tmp_path: Path) -> None:
    more = "extra_scripts = ${env.extra_scripts}, acpublish_ota.py\n"
    found = the_trouble(check(ini(tmp_path, ENV + more)))
    assert (found.name, found.state) == ("extra-scripts", State.ERROR)
    assert "the environment x has the extra script more than once" in found.what


def test_a_script_that_comes_too_early(check: Check, tmp_path: Path) -> None:
    found = the_trouble(check(ini(tmp_path, common=COMMON.replace("post:", "pre:"))))
    assert (found.name, found.state) == ("post", State.ERROR)
    assert found.change == "Write post:acpublish_ota.py in [env]."


@pytest.mark.parametrize("flag", ["-DFW_VERSION=1", "-D VERSION='\"1.0\"'", "-DAPP_VERSION_STR=1"])
def test_a_version_in_build_flags(check: Check, tmp_path: Path, flag: str) -> None:
    found = the_trouble(check(ini(tmp_path, f"{ENV}build_flags = -Os\n  {flag}\n")))
    assert (found.name, found.state) == ("build-flags", State.WARNING)
    assert "ACPUBLISH_VERSION" in found.change


@pytest.mark.parametrize(
    "flag", ["-DMQTT_VERSION=4", "-DVERSIONS=1", "-DDEBUG", "-DLWIP_VERSION=1"]
)
def test_other_flags_are_fine(check: Check, tmp_path: Path, flag: str) -> None:
    assert not troubles(check(ini(tmp_path, f"{ENV}build_flags = {flag}\n")))


def test_settings_that_all_lack_are_said_once(check: Check) -> None:
    scripts = "[env]\nextra_scripts = post:acpublish_ota.py\n"
    found = the_trouble(check(scripts + ENV + ENV.replace(":x", ":y")))
    assert (found.name, found.state) == ("settings", State.ERROR)
    assert found.what == "no destination is given"
    assert found.change.startswith("Set custom_ota_to in platformio.ini or ACPUBLISH_TO")


def test_a_setting_that_one_environment_has_wrong(check: Check, tmp_path: Path) -> None:
    other = ENV.replace(":x", ":y") + "custom_ota_product = No Name\n"
    found = the_trouble(check(ini(tmp_path, ENV + other)))
    assert found.name == "settings"
    assert found.what.startswith("y: custom_ota_product: ")


def test_a_name_that_is_no_setting(check: Check, tmp_path: Path) -> None:
    found = the_trouble(check(ini(tmp_path, f"{ENV}custom_ota_chanel = beta\n")))
    assert (found.name, found.state) == ("settings", State.WARNING)
    assert "custom_ota_channel" in found.change


def test_a_file_of_settings_that_is_broken(check: Check, tmp_path: Path) -> None:
    (tmp_path / "lamp" / "acpublish.toml").write_text("to = [")
    found = check(ini(tmp_path))
    assert troubles(found) == [("settings", State.ERROR)]
    assert "is not valid TOML" in next(one.what for one in found if one.state is State.ERROR)


def test_a_version_that_is_not_there(check: Check, tmp_path: Path) -> None:
    found = the_trouble(check(ini(tmp_path, common=COMMON.replace("1.0.0", "file:VERSION"))))
    assert (found.name, found.state) == ("version", State.ERROR)


def test_a_token_in_platformio_ini_is_not_shown(check: Check, tmp_path: Path) -> None:
    found = the_trouble(check(ini(tmp_path, f"{ENV}custom_ota_token = {TOKEN}\n")))
    assert (found.name, found.state) == ("token", State.ERROR)
    assert "ACPUBLISH_TOKEN" in found.change
    assert TOKEN not in found.what + found.change


def test_an_option_for_a_token_draws_a_warning(check: Check, tmp_path: Path) -> None:
    found = the_trouble(check(ini(tmp_path, f"{ENV}custom_ota_token = x\n")))
    assert (found.name, found.state) == ("token", State.WARNING)
    assert found.change.startswith("Move it to the environment variable ACPUBLISH_TOKEN")


def test_a_catalog_that_is_missing(check: Check, tmp_path: Path) -> None:
    (tmp_path / "catalog").rmdir()
    found = the_trouble(check(ini(tmp_path)))
    assert (found.name, found.state) == ("destination", State.ERROR)
    assert "mkdir" in found.change


@pytest.mark.parametrize(
    ("folder", "name", "state"),
    [("catalog", "destination", State.ERROR), ("home", "state", State.WARNING)],
)
def test_folders_that_cannot_be_written(
    check: Check,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    name: str,
    state: State,
) -> None:
    # The tests may be run by root, who may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path / folder)
    found = the_trouble(check(ini(tmp_path)))
    assert (found.name, found.state) == (name, state)
    assert f"{folder} is not writable" in found.what


def test_a_state_folder_that_is_a_file(check: Check, tmp_path: Path) -> None:
    (tmp_path / "home" / "acpublish").write_text("")
    found = the_trouble(check(ini(tmp_path)))
    assert (found.name, found.state) == ("state", State.WARNING)


def test_the_server_that_is_set_is_looked_at(check: Check) -> None:
    def no_md5(request: Request, answer: Answer) -> None:
        answer.headers.pop("x-MD5", "")

    with faulty(no_md5) as url:
        found = check(f"[env]\n{COMMON}custom_ota_to = {url}\n{ENV}")
    assert troubles(found) == [("destination", State.WARNING), ("md5", State.ERROR)]
    assert "token" in next(one.what for one in found if one.name == "destination")


def test_a_server_by_https_has_an_address_for_devices_too(check: Check) -> None:
    found = check(f"[env]\n{COMMON}{ENV}", ACPUBLISH_TO="https://host", ACPUBLISH_TOKEN=TOKEN)
    assert troubles(found) == [("server", State.NOT_CHECKED)]
    assert "acpublish doctor http://HOST:PORT" in found[-1].change


def test_no_project_is_not_checked(check: Check) -> None:
    found = the_trouble(check(None))
    assert (found.name, found.state) == ("project", State.NOT_CHECKED)


def test_a_destination_without_a_project_is_looked_at(check: Check, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    found = check(None, ACPUBLISH_TO=url, ACPUBLISH_TOKEN=TOKEN)
    assert troubles(found) == [("project", State.NOT_CHECKED), ("connection", State.ERROR)]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (b"[platformio]\n", State.NOT_CHECKED),
        (b"[env:\xff]\n", State.ERROR),
        (b"[env:x]\nplatform = native\n", State.NOT_CHECKED),
    ],
)
def test_a_project_that_cannot_be_looked_at(
    check: Check, tmp_path: Path, text: bytes, state: State
) -> None:
    (tmp_path / "lamp" / "platformio.ini").write_bytes(text)
    found = the_trouble(check(None))
    assert (found.name, found.state) == ("project", state)
