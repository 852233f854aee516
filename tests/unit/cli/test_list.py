"""``acpublish list``: a directory, a server, and what is outside of both."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.support import images
from tests.support.server import running_server
from tests.unit.cli.invoking import CommandLine

NAMES = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")


def test_list_of_a_directory(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    acpublish("publish", firmware, "--to", catalog, *NAMES)
    (top,) = acpublish("list", catalog, "--json").json()
    assert (top["name"], top["type"], top["size"]) == ("lamp", "directory", 0)
    (entry,) = acpublish("list", catalog, "--path", "lamp", "--json").json()
    assert entry["name"] == "lamp-1.2.3_d1_mini.bin"
    assert entry["type"] == "bin"
    assert entry["size"] == firmware.stat().st_size
    more = {"version", "board", "kind", "channels", "points_at", "rolling", "state", "reason"}
    assert set(entry) == {"name", "type", "size", "modified", "signed_with"} | more
    line = acpublish("list", catalog, "--path", "lamp").out.split()
    released = ["1.2.3", "d1_mini", "stable"]
    assert line == ["bin", str(entry["size"]), entry["modified"], entry["name"], *released]


def test_list_of_an_empty_catalog_is_an_empty_array(acpublish: CommandLine, catalog: Path) -> None:
    assert acpublish("list", catalog, "--json").json() == []
    assert acpublish("list", catalog).out == ""


@pytest.mark.parametrize("path", ["missing", "../", "/etc", ".acpublish"])
def test_list_stays_in_the_catalog(acpublish: CommandLine, catalog: Path, path: str) -> None:
    (catalog.parent / "missing-not").mkdir()
    said = acpublish("list", catalog, "--path", path)
    assert said.status == 8
    assert said.error()


def test_list_of_a_missing_directory_says_that_it_is_missing(acpublish: CommandLine) -> None:
    said = acpublish("list", "--to", "missing")
    assert said.status == 8
    assert said.error().startswith("acpublish: error: there is no folder missing. Check the path.")
    assert not Path("missing").exists()
    Path("missing").touch()
    said = acpublish("list", "--to", "missing")
    assert "the catalog missing is not a directory" in said.error()


def test_an_address_that_cannot_be_listed_is_named_as_what_it_is(acpublish: CommandLine) -> None:
    said = acpublish("list", "ftp://x")
    assert said.status == 2
    assert said.error().startswith("acpublish: error: --to: the URL is not a valid http(s) URL")


def test_a_server_lists_the_same_entries_as_its_directory(
    acpublish: CommandLine, firmware: Path, catalog: Path, tmp_path: Path
) -> None:
    acpublish("key", "create", "-o", "key.pem")
    acpublish("publish", firmware, "--to", catalog, *NAMES, "--key", "key.pem")
    with running_server(catalog, tmp_path) as server:
        (remote,) = acpublish("list", server.url, "--path", "lamp", "--json").json()
        shown = acpublish("list", server.url, "--path", "lamp").out
    (local,) = acpublish("list", catalog, "--path", "lamp", "--json").json()
    key = acpublish("key", "show", "key.pem", "--json").json()["key"]
    assert local["signed_with"] == [key]
    assert {**remote, "modified": None} == {**local, "modified": None}
    assert shown.rstrip().endswith(f"lamp-1.2.3_d1_mini.bin  1.2.3  d1_mini  stable  signed {key}")


def test_versions_boards_and_channels(
    acpublish: CommandLine, firmware: Path, catalog: Path, tmp_path: Path
) -> None:
    def publish(version: str, board: str, channel: str, **more: str) -> None:
        firmware.write_bytes(
            images.littlefs() if "kind" in more else images.esp8266_image(seed=len(version + board))
        )
        words = ("--version", version, "--board", board, "--channel", channel)
        options = [word for name, text in more.items() for word in (f"--{name}", text)]
        said = acpublish(
            "publish", firmware, "--to", catalog, "--product", "lamp", *words, *options
        )
        assert said.status == 0, said.err

    publish("1.0.0", "d1_mini", "stable")
    publish("1.0.0", "attic", "stable")
    publish("1.1.0-rc.1", "d1_mini", "beta")
    publish("1.1.0", "d1_mini", "stable")
    publish("1.1.0", "d1_mini", "stable", kind="filesystem")
    with running_server(catalog, tmp_path) as server:
        for to in (str(catalog), server.url):
            entries = acpublish("list", "--to", to, "--path", "lamp", "--json").json()
            found = {
                (entry["version"], entry["board"], entry["kind"]): entry["channels"]
                for entry in entries
            }
            assert found == {
                ("1.0.0", "attic", "firmware"): ["stable"],
                ("1.0.0", "d1_mini", "firmware"): [],
                ("1.1.0-rc.1", "d1_mini", "firmware"): ["beta"],
                ("1.1.0", "d1_mini", "firmware"): ["stable"],
                ("1.1.0", "d1_mini", "filesystem"): ["stable"],
            }
            assert "  1.1.0       d1_mini (filesystem)  stable\n" in (
                acpublish("list", "--to", to, "--path", "lamp").out
            )
            (top,) = acpublish("list", "--to", to, "--json").json()
            assert (top["version"], top["channels"]) == (None, [])
            assert [tuple(pointer.values()) for pointer in top["points_at"]] == [
                ("beta", "d1_mini", "firmware", "1.1.0-rc.1"),
                ("stable", "attic", "firmware", "1.0.0"),
                ("stable", "d1_mini", "filesystem", "1.1.0"),
                ("stable", "d1_mini", "firmware", "1.1.0"),
            ]
            line = acpublish("list", "--to", to).out
            assert "beta 1.1.0-rc.1 for d1_mini, stable 1.0.0 for attic, " in line


def test_the_setting_names_the_catalog(
    acpublish: CommandLine,
    firmware: Path,
    catalog: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acpublish("publish", firmware, "--to", catalog, *NAMES)
    said = acpublish("list")
    assert said.status == 2
    assert "no destination is given. Set --to" in said.error()
    (tmp_path / "platformio.ini").write_text("[env:d1_mini]\ncustom_ota_to = catalog\n")
    assert " lamp " in acpublish("list").out
    monkeypatch.setenv("ACPUBLISH_TO", str(tmp_path / "elsewhere"))
    said = acpublish("list")
    assert "there is no folder" in said.error()
    assert "acpublish config --show-origin" in said.error()
    assert " lamp " in acpublish("list", "--to", catalog).out


@pytest.mark.parametrize("with_server", [False, True], ids=["directory", "server"])
def test_images_that_are_not_offered_are_listed_on_demand(
    acpublish: CommandLine, firmware: Path, catalog: Path, tmp_path: Path, with_server: bool
) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        publish = ("--product", "lamp", "--version", version, "--board", "d1_mini")
        acpublish("publish", firmware, "--to", catalog, *publish)
    acpublish("withdraw", "lamp", "1.1.0", "--to", catalog, "--reason", "it overheats", "--yes")
    acpublish("delete", "lamp", "1.2.0", "--to", catalog, "--reason", "a password", "--yes")
    with running_server(catalog, tmp_path) if with_server else nullcontext() as server:
        to = server.url if server else catalog
        (offered,) = acpublish("list", "--to", to, "--path", "lamp", "--json").json()
        listed = acpublish("list", "--to", to, "--path", "lamp", "--all", "--json").json()
        lines = acpublish("list", "--to", to, "--path", "lamp", "--all").out.splitlines()
    assert (offered["version"], offered["state"], offered["reason"]) == ("1.0.0", None, None)
    assert [(entry["version"], entry["state"], entry["reason"]) for entry in listed] == [
        ("1.0.0", None, None),
        ("1.2.0", "deleted", "a password"),
        ("1.1.0", "withdrawn", "it overheats"),
    ]
    assert all(entry["size"] and entry["modified"] for entry in listed)
    assert listed[2]["channels"] == []
    assert lines[2].split()[-4:] == ["d1_mini", "withdrawn:", "it", "overheats"]
