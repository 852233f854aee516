"""``acpublish devices`` on a real store: lists, stories, and what people say of devices."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from tests.unit.cli.fleet_site import FleetSite
from tests.unit.cli.invoking import CommandLine
from tests.unit.cli.offering_site import types
from tests.unit.control.asking import mac

DAY_S = 86_400
KEYS = {
    *("id", "mac", "name", "product", "board", "family", "runs", "claims"),
    *("first_seen", "last_seen", "flags", "tags", "groups"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FleetSite:
    """Five devices: one is up to date, one took an update, one is unknown, one long not seen."""
    made = FleetSite(tmp_path_factory.mktemp("made"))
    made.publish("1.0.0", "1.1.0")
    made.publish("2.0.0", product="door", board="c3")
    with made.serving(ago_s=10 * DAY_S) as ask:
        ask(4)
    with made.serving() as ask:
        ask(1, "1.1.0")
        ask(2, takes=True)
        ask(3, "2.0.0", product="door", board="c3")
        ask(5, None, claims="=1+2")
    return made


@pytest.fixture
def site(made: FleetSite, acpublish: CommandLine, tmp_path: Path) -> FleetSite:
    return made.copy(tmp_path / "site", acpublish)


def ids(site: FleetSite, *filters: str) -> list[str]:
    said = site("devices", "list", "--json", *filters)
    assert said.status == 0, said.err
    return [device["id"] for device in said.json()["devices"]]


def test_a_list_is_a_table(site: FleetSite) -> None:
    said = site("devices", "list")
    assert (said.status, said.err) == (0, "")
    heading, *rows = said.out.splitlines()
    assert heading.split() == [
        *("DEVICE", "NAME", "BOARD", "RUNS", "SEEN", "FLAGS", "TAGS", "AND", "GROUPS")
    ]
    texts = [" ".join(row.split()) for row in rows]
    assert re.fullmatch(r"door/24:0a:c4:00:00:03 c3 2\.0\.0 \d+s ago", texts[0])
    assert re.fullmatch(r"lamp/24:0a:c4:00:00:04 d1 1\.0\.0 10d ago", texts[3])
    assert re.fullmatch(r"lamp/24:0a:c4:00:00:05 d1 unknown, claims =1\+2 \d+s ago", texts[4])


def test_a_list_as_json_has_what_scripts_rely_on(site: FleetSite) -> None:
    devices = site("devices", "list", "--json").json()["devices"]
    assert len(devices) == 5
    assert all(set(device) >= KEYS for device in devices)
    up_to_date = devices[1]
    assert up_to_date["mac"] == mac(1)
    assert (up_to_date["runs"], up_to_date["claims"]) == ("1.1.0", "1.1.0")
    assert (up_to_date["family"], up_to_date["flags"]) == ("esp8266", [])


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ("--product door", [3]),
        ("--board d1 --version 1.0.0", [2, 4]),
        ("--not-seen 7d", [4]),
        ("--not-seen 30d", []),
        ("--tag canary", [1, 2]),
        ("--tag canary --group house", [2]),
        ("--version 9.9.9", []),
    ],
)
def test_filters(site: FleetSite, filters: str, numbers: list[int]) -> None:
    for number in (1, 2):
        assert site("devices", "tag", mac(number), "canary").status == 0
    assert site("devices", "group", mac(2), "house").status == 0
    found = ids(site, *filters.split())
    assert [int(key[-2:], 16) for key in found] == numbers


def test_an_empty_list_says_so(site: FleetSite) -> None:
    assert site("devices", "list", "--product", "window").out == "no device matches\n"
    assert ids(site, "--product", "window") == []


def test_comma_separated_values_run_no_formula(site: FleetSite) -> None:
    site("devices", "tag", mac(1), "a", "b")
    said = site("devices", "list", "--csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert set(rows[0]) == KEYS
    assert [row["mac"] for row in rows] == [mac(number) for number in (3, 1, 2, 4, 5)]
    assert (rows[1]["tags"], rows[4]["claims"], rows[4]["runs"]) == ("a b", "'=1+2", "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rows[0]["last_seen"])


def test_the_story_of_a_device(site: FleetSite) -> None:
    site("devices", "name", mac(2), "kitchen lamp")
    site("devices", "note", "kitchen lamp", "above the door")
    said = site("devices", "show", "kitchen lamp")
    facts, _, offers = said.out.partition("\n\n")
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in facts.splitlines())
    assert lines["device"] == f"lamp/{mac(2)}"
    assert (lines["name"], lines["note"]) == ("kitchen lamp", "above the door")
    assert (lines["runs"], lines["board"], lines["address"]) == ("1.0.0", "d1", "10.0.0.1")
    assert "pinned to" not in lines
    heading, line = offers.splitlines()
    assert heading.split() == ["OFFERED", "VERSION", "BECAME", "ROLLOUT"]
    assert line.split()[1:] == ["1.1.0", "whole"]
    document = site("devices", "show", "kitchen lamp", "--json").json()
    assert set(document) > KEYS
    assert document["offers"][0]["version"] == "1.1.0"


@pytest.mark.parametrize(
    "spelling", ["lamp/24:0a:c4:00:00:01", "24-0A-C4-00-00-01", "240AC4000001", "24:0A:C4:00:00:01"]
)
def test_a_device_has_several_spellings(site: FleetSite, spelling: str) -> None:
    assert site("devices", "show", spelling, "--json").json()["id"] == f"lamp/{mac(1)}"


def test_names_and_notes_come_and_go(site: FleetSite) -> None:
    said = site("devices", "name", mac(1), "kitchen")
    assert said.out == f"lamp/{mac(1)} is called kitchen\n"
    assert site("devices", "show", "kitchen", "--json").json()["name"] == "kitchen"
    said = site("devices", "note", "kitchen", "it hums")
    assert said.out == "noted on kitchen: it hums\n"
    assert site("devices", "note", "kitchen", "--clear", "--json").json()["note"] == ""
    assert site("devices", "name", "kitchen", "--clear").out == f"lamp/{mac(1)} has no name\n"
    assert site("devices", "show", "kitchen").status == 8


def test_tags_and_groups_come_and_go(site: FleetSite) -> None:
    assert site("devices", "tag", mac(1), "b", "a").out.endswith(": a, b\n")
    assert site("devices", "tag", mac(1), "b", "--remove", "--json").json()["tags"] == ["a"]
    assert site("devices", "group", mac(1), "house", "--json").json()["groups"] == ["house"]
    said = site("devices", "group", mac(1), "house", "--remove")
    assert said.out == f"groups of lamp/{mac(1)}: none\n"


def test_a_device_that_failed_tries_again(site: FleetSite) -> None:
    with site.serving() as ask:
        for _ in range(2):
            ask(2, takes=True)
    assert ids(site, "--flagged") == [f"lamp/{mac(2)}"]
    assert ids(site, "--stuck") == [f"lamp/{mac(2)}"]
    said = site("devices", "retry", "--flagged")
    assert said.out == f"lamp/{mac(2)} is offered its release again\n"
    assert ids(site, "--flagged") == []
    assert site("devices", "retry", "--flagged").out == "nothing to do: no device failed\n"
    [device] = site("devices", "retry", mac(2), "--json").json()["devices"]
    assert (device["id"], device["retried"]) == (f"lamp/{mac(2)}", False)
    said = site("devices", "retry", mac(2))
    assert said.out == f"nothing to do: lamp/{mac(2)} did not fail\n"


def test_forgetting_asks(site: FleetSite, monkeypatch: pytest.MonkeyPatch) -> None:
    said = site("devices", "forget", mac(4))
    assert said.status == 2
    assert "nothing was changed, because there is no terminal" in said.err
    types(monkeypatch, "n")
    said = site("devices", "forget", mac(4))
    assert said.status == 1
    assert f"lamp/{mac(4)} runs 1.0.0, seen 10d ago" in said.out
    assert f"lamp/{mac(4)}" in ids(site)
    said = site("devices", "forget", mac(4), "--yes")
    assert (said.status, said.out) == (0, f"lamp/{mac(4)} is forgotten\n")
    assert f"lamp/{mac(4)}" not in ids(site)
    assert site("devices", "forget", mac(4), "--yes").status == 8


@pytest.mark.parametrize(
    ("words", "status", "problem", "hint"),
    [
        ("show nobody", 8, "no device 'nobody'", "acpublish devices list"),
        ("show kitchem", 8, "no device 'kitchem'", "kitchen"),
        ("show lamp/24:0a:c4:00:00:77", 8, "no device", "devices list"),
        ("name kitchen", 2, "either NAME or --clear", "--help"),
        ("name kitchen x --clear", 2, "either NAME or --clear", "--help"),
        ("note kitchen", 2, "either TEXT or --clear", "--help"),
        ("retry", 2, "either DEVICE or --flagged", "--help"),
        ("retry kitchen --flagged", 2, "either DEVICE or --flagged", "--help"),
        ("tag kitchen", 2, "Missing argument 'TAG...'", "--help"),
        ("tag kitchen No", 7, "No", ""),
        ("list --json --csv", 2, "cannot be combined", "--help"),
        ("list --not-seen soon", 2, "'soon' is not a duration", "7d"),
        ("list --product No", 7, "product name", ""),
    ],
)
def test_a_mistake_is_one_line(
    site: FleetSite, words: str, status: int, problem: str, hint: str
) -> None:
    site("devices", "name", mac(1), "kitchen")
    said = site("devices", *words.split())
    assert said.status == status
    line = said.error() if "--json" not in words else said.err
    assert problem in line
    assert hint in line


def test_a_name_of_two_devices_says_whose_it_is(site: FleetSite) -> None:
    site("devices", "name", mac(1), "twin")
    said = site("devices", "name", mac(2), "twin")
    assert said.status == 4
    assert f"another device of lamp is called 'twin': lamp/{mac(1)}" in said.error()
    # An earlier version stored it.
    with site.serving() as ask:
        ask(2, name="twin")
    said = site("devices", "show", "twin")
    assert said.status == 4
    assert "2 devices are called 'twin'" in said.error()
    assert f"lamp/{mac(1)}, lamp/{mac(2)}" in said.error()


def test_a_state_folder_without_a_fleet_has_no_devices(
    acpublish: CommandLine, catalog: Path, tmp_path: Path
) -> None:
    said = acpublish("devices", "list", "--to", catalog, "--state", tmp_path / "none")
    assert (said.status, said.out) == (0, "no devices\n")
    assert said.err.endswith("check --to and --state\n")
    said = acpublish("devices", "list", "--to", "missing")
    assert said.status == 8
    assert "missing" in said.error()


def test_a_server_has_its_own_state_folder(acpublish: CommandLine) -> None:
    said = acpublish("devices", "list", "--to", "http://127.0.0.1:9", "--state", "x")
    assert said.status == 2
    assert "--state goes with a directory" in said.error()
