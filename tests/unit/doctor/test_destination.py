"""Each problem of settings and destinations is named with the line to change."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.state import state_dir
from acpublish.doctor.findings import State
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token
from tests.unit.catalog.holding import put
from tests.unit.doctor.faulty import Answer, Request, faulty
from tests.unit.doctor.projects import COMMON, ENV, TOKEN, Check, ini, the_trouble, troubles


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """Runs a server with an empty catalog."""
    (tmp_path / "server" / "catalog").mkdir(parents=True)
    with running_server(tmp_path / "server" / "catalog", tmp_path / "server") as running:
        yield running


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


def test_a_state_folder_whose_name_is_too_long(check: Check, tmp_path: Path) -> None:
    found = the_trouble(check(ini(tmp_path), XDG_STATE_HOME=f"/{'x' * 300}"))
    assert (found.name, found.state) == ("state", State.WARNING)
    assert "cannot be used: file name too long" in found.what


def test_a_catalog_that_is_gone(check: Check, tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    put(DirectoryCatalog(folder, state_dir(folder, {"XDG_STATE_HOME": str(tmp_path / "home")})))
    shutil.rmtree(folder)
    folder.mkdir()
    found = the_trouble(check(ini(tmp_path)))
    assert (found.name, found.state) == ("destination", State.ERROR)
    assert "is gone" in found.what


def test_the_token_is_tried_and_nothing_is_published(
    check: Check, server: RunningServer, tmp_path: Path
) -> None:
    project = f"[env]\n{COMMON}custom_ota_to = {server.url}\n{ENV}"
    state = tmp_path / "server" / "state"

    def refusal(token: str) -> str:
        findings = check(project, ACPUBLISH_TOKEN=token)
        errors = [each for each in findings if each.state is State.ERROR]
        return " ".join(each.what for each in errors if each.name == "destination")

    assert "read-only, because no token has been created" in refusal(TOKEN)
    valid, other = create_token(state, "lamp"), create_token(state, "other")
    assert "the server does not know this token" in refusal(TOKEN)
    assert "the token is for another product" in refusal(other)
    findings = check(project, ACPUBLISH_TOKEN=valid)
    states = {each.name: each.state for each in findings}
    assert states["destination"] is State.OK
    catalog = tmp_path / "server" / "catalog"
    assert not [path for path in catalog.rglob("*") if path.is_file()]


def test_a_login_page_in_front_of_the_server(check: Check) -> None:
    def login(request: Request, answer: Answer) -> None:
        answer.status, answer.body = 200, b"<html>Sign in"
        answer.headers = {"Content-Type": "text/html", "Content-Length": "13"}

    with faulty(login) as url:
        found = check(f"[env]\n{COMMON}custom_ota_to = {url}\n{ENV}", ACPUBLISH_TOKEN=TOKEN)
    assert ("destination", State.ERROR) in troubles(found)
    assert "HTML, so it is not an acpublish server" in " ".join(each.what for each in found)


def test_the_server_that_is_set_is_looked_at(check: Check) -> None:
    def no_md5(request: Request, answer: Answer) -> None:
        answer.headers.pop("x-MD5", "")

    with faulty(no_md5) as url:
        found = check(f"[env]\n{COMMON}custom_ota_to = {url}\n{ENV}")
    assert troubles(found) == [("destination", State.WARNING), ("md5", State.ERROR)]
    assert "token" in next(one.what for one in found if one.name == "destination")


def test_a_server_by_https_has_an_address_for_devices_too(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
    found = check(f"[env]\n{COMMON}{ENV}", ACPUBLISH_TO=url, ACPUBLISH_TOKEN=TOKEN)
    assert troubles(found) == [("destination", State.ERROR), ("server", State.NOT_CHECKED)]
    assert "acpublish doctor --to http://HOST:PORT" in found[-1].change


def test_a_destination_without_a_project_is_looked_at(check: Check, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    found = check(None, ACPUBLISH_TO=url, ACPUBLISH_TOKEN=TOKEN)
    assert troubles(found) == [("project", State.NOT_CHECKED), ("connection", State.ERROR)]
