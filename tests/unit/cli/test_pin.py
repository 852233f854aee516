"""``acpublish pin`` and ``acpublish deploy`` on a real store."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.unit.cli.fleet_site import FleetSite
from tests.unit.cli.invoking import CommandLine
from tests.unit.control.asking import mac


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FleetSite:
    """A device that runs the middle of three releases."""
    made = FleetSite(tmp_path_factory.mktemp("made"))
    made.publish("1.0.0", "1.1.0", "1.2.0")
    with made.serving() as ask:
        ask(1, "1.1.0", name="kitchen")
    return made


@pytest.fixture
def site(made: FleetSite, acpublish: CommandLine, tmp_path: Path) -> FleetSite:
    return made.copy(tmp_path / "site", acpublish)


def test_a_pin_comes_and_goes(site: FleetSite) -> None:
    said = site("pin", "kitchen", "1.1.0")
    assert (said.status, said.out) == (0, "kitchen is pinned to lamp 1.1.0\n")
    document = site("devices", "show", "kitchen", "--json").json()
    assert document["pin"] == {"version": "1.1.0", "order_back": False}
    assert document["flags"] == ["pinned"]
    assert "pinned to" in site("devices", "show", "kitchen").out
    explained = site("explain", "kitchen", "--json").json()
    assert (explained["verdict"], explained["version"]) == ("up-to-date", "1.1.0")
    assert site("pin", "kitchen", "--clear").out == "kitchen gets what its channel has\n"
    assert site("explain", "kitchen", "--json").json()["version"] == "1.2.0"


def test_a_device_on_hold_is_offered_nothing(site: FleetSite) -> None:
    assert site("pin", "kitchen", "--hold").out == "kitchen is on hold\n"
    explained = site("explain", "kitchen", "--json").json()
    assert (explained["verdict"], explained["rule"]) == ("up-to-date", "hold")
    assert site("pin", "kitchen", "--clear", "--json").json()["hold"] is False


def test_a_device_goes_back_only_when_it_is_ordered(site: FleetSite) -> None:
    said = site("pin", "kitchen", "1.0.0")
    assert said.out == "kitchen is pinned to lamp 1.0.0\n"
    assert "kitchen runs 1.1.0, which is higher, and keeps it; to go back, add --order" in said.err
    assert site("deploy", "lamp", "1.0.0", "--device", "kitchen").err == said.err
    assert site("explain", "kitchen", "--json").json()["verdict"] != "offer"
    assert site("pin", "kitchen", "1.0.0", "--order-back").err == ""
    document = site("pin", "kitchen", "1.0.0", "--order-back", "--json").json()
    assert document["pin"] == {"version": "1.0.0", "order_back": True}
    explained = site("explain", "kitchen", "--json").json()
    assert (explained["verdict"], explained["version"]) == ("offer", "1.0.0")


@pytest.mark.parametrize(
    ("words", "status", "problem", "hint"),
    [
        ("pin kitchen", 2, "either VERSION, --hold or --clear", "--help"),
        ("pin kitchen 1.1.0 --hold", 2, "either VERSION, --hold or --clear", "--help"),
        ("pin kitchen --hold --order-back", 2, "--order-back needs a VERSION", "--help"),
        ("pin kitchen one", 7, "one", ""),
        ("pin kitchen 9.9.9", 8, "lamp 9.9.9", "1.2.0"),
        ("pin nobody 1.1.0", 8, "no device 'nobody'", "devices list"),
        ("deploy lamp 1.2.0", 2, "Missing option '--device'", "--help"),
        ("deploy door 1.2.0 --device kitchen", 8, "is a device of lamp", "devices list"),
        ("deploy lamp 9.9.9 --device kitchen", 8, "lamp 9.9.9", "1.2.0"),
        ("deploy lamp 1.2.0 --device kitchen --timeout 1h", 2, "needs --wait", "--help"),
        ("deploy lamp 1.2.0 --device kitchen --wait --timeout x", 2, "not a duration", "15m"),
    ],
)
def test_a_mistake_is_one_line(
    site: FleetSite, words: str, status: int, problem: str, hint: str
) -> None:
    said = site(*words.split())
    assert said.status == status
    assert problem in said.error()
    assert hint in said.error()
    assert site("devices", "show", "kitchen", "--json").json()["pin"] is None


def test_nothing_is_pinned_to_a_release_that_was_withdrawn(
    site: FleetSite, acpublish: CommandLine
) -> None:
    words = ("withdraw", "lamp", "1.2.0", "--reason", "it overheats", "--yes")
    assert acpublish(*words, "--to", site.catalog).status == 0
    for words in (
        ("pin", "kitchen", "1.2.0"),
        ("deploy", "lamp", "1.2.0", "--device", "kitchen"),
    ):
        said = site(*words)
        assert said.status == 4
        problem = "lamp 1.2.0 is withdrawn, so no device is offered it. There are 1.1.0, 1.0.0."
        assert problem in said.error()
    assert site("devices", "show", "kitchen", "--json").json()["pin"] is None


def test_a_deployment_pins(site: FleetSite) -> None:
    said = site("deploy", "lamp", "1.2.0", "--device", "kitchen")
    assert (said.status, said.out) == (0, "kitchen is pinned to lamp 1.2.0\n")
    document = site("deploy", "lamp", "1.1.0", "--device", mac(1), "--json").json()
    assert document == {
        "device": f"lamp/{mac(1)}",
        "product": "lamp",
        "version": "1.1.0",
        "runs": "1.1.0",
        "done": True,
        "reason": "kitchen runs lamp 1.1.0",
    }
    said = site("deploy", "lamp", "1.1.0", "--device", "kitchen", "--wait")
    assert (said.status, said.out, said.err) == (0, "kitchen runs lamp 1.1.0\n", "")


def test_a_deployment_that_a_rule_forbids_does_not_wait(site: FleetSite) -> None:
    began = time.monotonic()
    said = site("deploy", "lamp", "1.0.0", "--device", "kitchen", "--wait")
    # Without a timeout, it would wait for three hours.
    assert time.monotonic() - began < 60
    assert said.status == 1
    assert said.out.startswith("kitchen does not run lamp 1.0.0: ")
    assert said.out.endswith("(rule downgrade); to go back, add --order-back\n")
    words = ("deploy", "lamp", "1.0.0", "--device", "kitchen", "--wait", "--json")
    document = site(*words).json()
    assert (document["done"], document["runs"]) == (False, "1.1.0")
    assert document["reason"] + "\n" == said.out


def test_a_deployment_ends_when_its_time_is_over(site: FleetSite) -> None:
    said = site("deploy", "lamp", "1.2.0", "--device", "kitchen", "--wait", "--timeout", "0s")
    assert said.status == 1
    assert said.out.startswith("kitchen does not run lamp 1.2.0: it runs 1.1.0 and was seen ")
    assert said.out.endswith("; it is offered 1.2.0 as soon as it asks\n")
    warning, waiting = said.err.splitlines()
    assert "no server serves this directory now" in warning
    assert waiting.startswith("waiting up to 0s for kitchen, seen ")
