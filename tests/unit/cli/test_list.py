"""``acpublish list``: a directory, a server, and what is outside of both."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    assert set(entry) == {"name", "type", "size", "modified", "signed_with"}
    line = acpublish("list", catalog, "--path", "lamp").out.split()
    assert line == ["bin", str(entry["size"]), entry["modified"], entry["name"]]


def test_list_of_an_empty_catalog_is_an_empty_array(acpublish: CommandLine, catalog: Path) -> None:
    assert acpublish("list", catalog, "--json").json() == []
    assert acpublish("list", catalog).out == ""


@pytest.mark.parametrize("path", ["missing", "../", "/etc", ".acpublish"])
def test_list_stays_in_the_catalog(acpublish: CommandLine, catalog: Path, path: str) -> None:
    (catalog.parent / "missing-not").mkdir()
    said = acpublish("list", catalog, "--path", path)
    assert said.status == 8
    assert said.error()


def test_list_of_a_missing_directory_says_what_to_do(acpublish: CommandLine) -> None:
    said = acpublish("list", "missing")
    assert said.status == 8
    assert "mkdir" in said.error()


def test_an_address_that_cannot_be_listed_is_named_as_what_it_is(acpublish: CommandLine) -> None:
    said = acpublish("list", "ftp://x")
    assert said.status == 2
    assert said.error().startswith("acpublish: error: DIR|URL: the URL is not a valid http(s) URL")


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
    assert shown.rstrip().endswith(f"lamp-1.2.3_d1_mini.bin  signed {key}")
