"""``ota_check``, ``ota_status`` and ``ota_promote``: what they print; they publish nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.fleet_state import FleetState
from acpublish.control.serving import DeviceRequest, FleetServing
from acpublish.errors import (
    AuthenticationError,
    CatalogError,
    CheckError,
    NotFoundError,
    SettingsError,
)
from acpublish.pio.run_state import Hook
from acpublish.pio.status import check, promote, show_status
from acpublish.pio.uploading import publish
from acpublish.store.database import path_of
from acpublish.store.fleet_store import FleetStore
from acpublish.wire import Report
from tests.support import images
from tests.unit.client.scripted import json_answer, scripted
from tests.unit.pio.projects import environment, hook_of, read_project


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    (tmp_path / "lamp" / "releases").mkdir(parents=True)
    return hook_of(read_project(tmp_path / "lamp", environment()))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "firmware.bin"
    path.write_bytes(images.esp8266_image())
    return path


def test_a_check_prints_each_result_and_publishes_nothing(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = image.read_bytes()

    check(hook, image)

    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert ["ok", "chip"] in rows
    assert list((hook.project.directory / "releases").iterdir()) == []
    assert image.read_bytes() == before


def test_a_check_that_finds_an_error_fails_with_its_name_and_hint(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image.write_bytes(images.esp32_image("esp32c3"))

    with pytest.raises(CheckError, match=r"^chip: ") as caught:
        check(hook, image)

    assert caught.value.hint
    assert ["error", "chip"] in [line.split()[:2] for line in capsys.readouterr().out.splitlines()]


def test_the_status_lists_what_is_published(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = hook.project.directory / "releases"
    show_status(hook)
    assert capsys.readouterr().out.splitlines()[0] == f"lamp in {releases}"

    publish(hook, image)
    capsys.readouterr()
    show_status(hook)

    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"lamp in {releases}"
    assert [(*line.split()[:2], line.split()[-1]) for line in rest] == [
        ("1.0.0", "d1_mini", "stable")
    ]


def test_the_status_of_a_catalog_that_is_missing_is_an_error(hook: Hook) -> None:
    (hook.project.directory / "releases").rmdir()

    with pytest.raises(CatalogError):
        show_status(hook)


def test_devices_that_are_not_for_everyone_are_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lamp").mkdir()
    nothing = json_answer('{"error": "there is no such product", "code": "x"}', "404 Not Found")
    refused = json_answer('{"error": "this needs a token", "hint": "Set it."}', "401 Unauthorized")
    with scripted(nothing, refused) as server:
        options = environment(custom_ota_to=server.url)
        show_status(hook_of(read_project(tmp_path / "lamp", options)))
        assert server.requests[1].startswith(b"GET /api/v1/products/lamp/devices ")
    first, second, last = capsys.readouterr().out.splitlines()
    assert first == f"lamp in {server.url}"
    assert second == "nothing is published yet"
    assert last.startswith("what devices run is not shown: ")
    assert last.endswith("this needs a token. Set it.")


def test_the_status_of_a_directory_has_the_devices_of_its_fleet(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(hook, image)
    destination = hook.project.settings.destination()
    assert destination.state is not None
    state = FleetState()
    store = FleetStore.open(destination.state)
    try:
        state.use(store, store.load())
        releases = DirectoryCatalog(Path(destination.to)).releases("lamp")
        serving = FleetServing(state, 10)
        md5 = releases[0].images[0].md5
        for number in range(3):
            report = Report(
                family="esp8266",
                updater=True,
                sketch_md5=md5 if number else "0" * 32,
                mac=f"24:0A:C4:00:00:0{number}",
            )
            request = DeviceRequest(report, "10.0.0.1", "", "d1_mini", "stable", True)
            assert serving.checked_in(request, "lamp", releases)
        store.written().result(20)
    finally:
        store.close()
    capsys.readouterr()

    show_status(hook)

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("devices that checked in: 2 d1_mini with 1.0.0, 1 d1_mini with an image")
    path_of(destination.state).write_bytes(b"this is not a database" * 100)
    show_status(hook)
    assert "what devices run is not shown: " in capsys.readouterr().out.splitlines()[-1]


def test_the_status_says_what_was_withdrawn(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(hook, image)
    releases = hook.project.directory / "releases"
    acpublish.withdraw("lamp", "1.0.0", to=releases, reason="it hangs")
    capsys.readouterr()

    show_status(hook)

    assert capsys.readouterr().out.splitlines()[1].endswith("withdrawn: it hangs")


def promoting(hook: Hook, **options: str) -> Hook:
    """Returns the state of a run in the same project with other options."""
    return hook_of(read_project(hook.project.directory, environment(**options)))


def test_a_promotion_moves_the_channel_to_the_version_of_the_sources(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(hook, image)
    other = {"to": hook.project.directory / "releases", "product": "lamp", "version": "1.0.0"}
    acpublish.publish(image, board="d1", **other)  # type: ignore[arg-type]
    beta = promoting(hook, custom_ota_channel="beta", custom_ota_by="anna")
    capsys.readouterr()

    promote(beta)

    assert capsys.readouterr().out.splitlines() == [
        "beta d1_mini: nothing -> 1.0.0",
        "beta is a new channel; those so far are: stable.",
        "lamp 1.0.0 for d1_mini: promoted to beta",
    ]
    (row,) = (row for row in acpublish.channels("lamp", to=other["to"]) if row.channel == "beta")
    # The other board of the release belongs to another environment.
    assert row.place.board == "d1_mini"
    assert row.current is not None
    assert row.current.author.by == "anna"
    promote(beta)
    (line,) = capsys.readouterr().out.splitlines()
    assert line == "lamp 1.0.0 for d1_mini: beta points at it already"


def test_on_a_channel_with_a_policy_both_say_that_it_goes_there_in_stages(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(hook, image)
    releases = hook.project.directory / "releases"
    for channel in ("beta", "stable"):
        acpublish.set_policy("lamp", channel, to=releases, stages="1,100%")
    beta = promoting(hook, custom_ota_channel="beta")
    capsys.readouterr()
    promote(beta)
    assert capsys.readouterr().out.splitlines() == [
        "1.0.0 goes to beta in stages, and a server makes the rollout. beta stays where it is "
        "until it is complete.",
        "lamp 1.0.0 for d1_mini: promoted to beta, in stages",
    ]
    promote(beta)
    assert capsys.readouterr().out.splitlines() == [
        "1.0.0 is on its way to beta already, in stages.",
        "lamp 1.0.0 for d1_mini: nothing to do",
    ]


def test_what_a_promotion_lacks_is_named(hook: Hook, image: Path) -> None:
    with pytest.raises(SettingsError, match="no channel is given"):
        promote(hook)
    beta = {"custom_ota_channel": "beta"}
    with pytest.raises(SettingsError, match="no version is given"):
        promote(promoting(hook, custom_ota_version="", **beta))
    with pytest.raises(NotFoundError, match="no product lamp"):
        promote(promoting(hook, **beta))
    publish(hook, image)
    with pytest.raises(NotFoundError, match=r"no release 1\.1\.0"):
        promote(promoting(hook, custom_ota_version="1.1.0", **beta))
    with pytest.raises(SettingsError, match=r"^custom_ota_by: the name contains"):
        promote(promoting(hook, custom_ota_by="a\x1bb", **beta))
    with pytest.raises(AuthenticationError, match="only with a token"):
        promote(promoting(hook, custom_ota_to="http://127.0.0.1:1", **beta))


def test_the_version_of_a_changed_working_tree_is_not_promoted(hook: Hook, image: Path) -> None:
    git = ("git", "-C", str(hook.project.directory))
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    source = hook.project.directory / "main.cpp"
    source.write_text("a")
    for words in (
        ("init", "-q"),
        ("add", "main.cpp"),
        (*who, "commit", "-qm", "a"),
        ("tag", "v1.0.0"),
    ):
        subprocess.run([*git, *words], check=True, capture_output=True)
    publish(hook, image)
    options = {"custom_ota_version": "git", "custom_ota_channel": "beta"}
    promote(promoting(hook, **options))
    source.write_text("b")

    with pytest.raises(SettingsError, match="uncommitted changes") as caught:
        promote(promoting(hook, **options))

    assert "-a --version" in caught.value.hint
