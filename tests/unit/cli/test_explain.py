"""``acpublish explain``, of devices that the fleet knows, and of devices that are described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import acpublish as api
from acpublish.fleet.fleet_rules import FleetRule
from tests.unit.cli.fleet_site import FleetSite
from tests.unit.cli.invoking import CommandLine
from tests.unit.cli.offering_site import Shop, Site, running_site
from tests.unit.control.asking import mac

#: The status of a response to each verdict (:class:`acpublish.release.decision.Verdict`).
STATUSES = {"offer": 200, "up to date": 304, "nothing": 404, "refuse": 403}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def product(site: Site) -> Shop:
    """A product of which 1.2.0 was withdrawn, and its devices are ordered back."""
    shop = Shop(site, str(site.catalog), None)  # type: ignore[arg-type]
    shop.publish("1.0.0", "1.1.0", "1.2.0", boards="d1")
    to: dict[str, Any] = {"to": site.catalog}
    api.promote(shop.product, "1.1.0", channel="beta", **to)
    api.withdraw(shop.product, "1.2.0", reason="it hangs", order_back=True, **to)
    shop.publish("3.0.0", boards="d2", channel="dev")
    return shop


@pytest.fixture(params=["directory", "server"])
def shop(request: pytest.FixtureRequest, site: Site, product: Shop, acpublish: CommandLine) -> Shop:
    shop = Shop(site, site.server.url if request.param == "server" else product.to, acpublish)
    shop.product = product.product
    return shop


@pytest.mark.parametrize(
    ("running", "claim", "channel", "mode", "verdict", "version"),
    [
        ("1.1.0", None, "stable", "sketch", "up to date", "1.1.0"),
        ("1.0.0", None, "stable", "sketch", "offer", "1.1.0"),
        # It was taken back, and its devices are ordered back.
        ("1.2.0", None, "stable", "sketch", "offer", "1.1.0"),
        ("1.2.0", None, "beta", "sketch", "up to date", "1.1.0"),
        (None, "1.2.0", "stable", "sketch", "up to date", "1.1.0"),
        (None, None, "stable", "sketch", "offer", "1.1.0"),
        (None, "9.9.9", "stable", "sketch", "up to date", "1.1.0"),
        ("1.0.0", None, "nightly", "sketch", "nothing", None),
        ("1.0.0", "1.0.0", "stable", "spiffs", "nothing", None),
    ],
)
def test_explain_says_what_the_server_does(
    shop: Shop,
    running: str | None,
    claim: str | None,
    channel: str,
    mode: str,
    verdict: str,
    version: str | None,
) -> None:
    words = ["--board", "d1", "--channel", channel]
    headers = [f"x-ESP8266-mode: {mode}"]
    if running:
        md5 = shop.image_of(running).md5
        words += ["--md5", md5]
        headers.append(f"x-ESP8266-sketch-md5: {md5}")
    if claim:
        words += ["--version", claim]
        headers.append(f"x-ESP8266-version: {claim}")
    if mode == "spiffs":
        words.append("--filesystem")
    said = shop("explain", *words, "--json")
    document = said.json()
    assert (said.status, document["verdict"], document["version"]) == (0, verdict, version)
    # Each as a device of its own, because what a single one received counts as well.
    mac = abs(hash((running, claim, channel, mode))) % 256
    assert shop.check_in(*headers, mac=mac, channel=channel) == STATUSES[verdict]
    line = shop("explain", *words).out
    assert line.startswith(f"{verdict}{f' {version}' if version else ''}: {document['reason']}")


def test_explain_says_that_a_digest_is_in_no_release(shop: Shop) -> None:
    words = ("--board", "d1", "--md5")
    said = shop("explain", *words, "0" * 32)
    assert said.status == 0
    assert f"no release of {shop.product} has this digest" in said.err
    assert shop("explain", *words, "0" * 32, "--json").json()["known"] is False
    known = shop("explain", *words, shop.image_of("1.0.0").md5)
    assert known.err == ""
    assert shop("explain", *words, shop.image_of("1.0.0").md5, "--json").json()["known"] is True
    assert shop("explain", "--board", "d1", "--json").json()["known"] is None


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        ("--board d9", "has no board d9; its boards are: d1, d2"),
        ("--board d1 --channel nope", "has no firmware for d1 on nope, but on: beta, stable"),
        ("--board d1 --kind filesystem", "has no filesystem for d1 on any channel"),
    ],
)
def test_explain_names_what_there_is(shop: Shop, words: str, warning: str) -> None:
    said = shop("explain", *words.split())
    assert said.out.startswith("nothing: no ")
    assert said.err == f"acpublish: warning: {shop.product} {warning}\n"


def test_explain_of_another_chip(shop: Shop) -> None:
    document = shop("explain", "--board", "d1", "--chip", "esp32", "--json").json()
    assert (document["verdict"], document["rule"]) == ("refuse", "other family")


@pytest.mark.parametrize(
    ("words", "status", "problem", "hint"),
    [
        ("door --board d1", 8, "door has no release", "acpublish list"),
        ("PRODUCT --board d1 --md5 12", 2, "'12' is not a digest", "acpublish inspect"),
        ("PRODUCT --board D+1", 7, "board", ""),
        ("PRODUCT --board d1 --kind firmware --filesystem", 2, "cannot be combined", ""),
        ("PRODUCT --md5 12", 2, "--md5 describes a device of a PRODUCT, and needs --board", ""),
        ("PRODUCT/24:0a:c4:00:00:01 --board d1", 2, "is a device that has checked in", "--help"),
        ("24:0a:c4:00:00:01 --chip esp32", 2, "--chip describes a device", "--help"),
    ],
)
def test_a_mistake_is_one_line(
    shop: Shop, acpublish: CommandLine, words: str, status: int, problem: str, hint: str
) -> None:
    said = acpublish("explain", *words.replace("PRODUCT", shop.product).split(), "--to", shop.to)
    assert said.status == status
    assert problem in said.error()
    assert hint in said.error()


def test_whoever_forgets_the_board_hears_of_it(site: Site, product: Shop, shop: Shop) -> None:
    said = shop("explain")
    assert said.status == (3 if shop.is_server else 8)
    assert f"{product.product} is a product" in said.error()
    assert "add --board" in said.error()


@pytest.fixture
def fleet(acpublish: CommandLine, tmp_path: Path) -> FleetSite:
    """A device, called kitchen, that is one release behind."""
    fleet = FleetSite(tmp_path, acpublish)
    fleet.publish("1.0.0", "1.1.0")
    with fleet.serving() as ask:
        ask(1, "1.0.0", name="kitchen")
    return fleet


def test_a_device_that_is_kept_from_its_update_is_not_called_up_to_date(fleet: FleetSite) -> None:
    fleet("pin", "kitchen", "1.0.0")
    assert fleet("explain", "kitchen").out.startswith(f"lamp/{mac(1)}: up to date 1.0.0: ")
    fleet("pin", "kitchen", "--hold")
    said = fleet("explain", "kitchen")
    assert said.out.startswith(f"lamp/{mac(1)}: no offer: it is on hold (rule hold)\n")
    assert fleet("explain", "kitchen", "--json").json()["verdict"] == "up-to-date"
    fleet("pin", "kitchen", "--clear")
    with fleet.serving() as ask:
        ask(1, "1.1.0")
    said = fleet("explain", "kitchen")
    assert said.out.startswith(f"lamp/{mac(1)}: up to date 1.1.0: ")


@pytest.mark.parametrize("device", ["kitchen", mac(1), f"lamp/{mac(1)}", "240AC4000001"])
def test_each_rule_has_its_say_on_a_device(fleet: FleetSite, device: str) -> None:
    said = fleet("explain", device)
    assert (said.status, said.err) == (0, "")
    first, _, *rules = said.out.splitlines()
    assert first.startswith(f"lamp/{mac(1)}: offer 1.1.0: ")
    assert first.endswith(" (rule newest)")
    assert len(rules) == len(FleetRule)
    assert "does not apply  pin" in " ".join(rules).replace("   ", "  ")
    document = fleet("explain", device, "--json").json()
    assert {key: document[key] for key in ("device", "verdict", "rule", "version")} == {
        "device": f"lamp/{mac(1)}",
        "verdict": "offer",
        "rule": "newest",
        "version": "1.1.0",
    }
    assert {word["rule"] for word in document["rules"]} == {rule.value for rule in FleetRule}
    assert {word["result"] for word in document["rules"]} <= {
        "allows",
        "prevents",
        "does not apply",
    }


def test_a_product_with_a_board_is_described_even_if_a_device_has_its_name(
    fleet: FleetSite,
) -> None:
    fleet("devices", "name", mac(1), "lamp")
    described = fleet("explain", "lamp", "--board", "d1", "--json").json()
    assert "known" in described
    assert fleet("explain", "lamp", "--json").json()["device"] == f"lamp/{mac(1)}"


def test_a_product_without_a_board_is_told_from_a_device(fleet: FleetSite) -> None:
    said = fleet("explain", "lamp")
    assert said.status == 8
    assert "there is no device 'lamp'; lamp is a product" in said.error()
    assert "add --board" in said.error()
    said = fleet("explain", "nobody")
    assert said.status == 8
    assert "no device 'nobody'" in said.error()
