"""Commands that show what is offered, on a directory and on a real server alike."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import acpublish as api
from acpublish.control.fleet_state import STORE_FILE
from tests.support.tokens import create_token
from tests.unit.cli.fleet_site import FleetSite
from tests.unit.cli.invoking import CommandLine
from tests.unit.cli.offering_site import Shop, Site, running_site

PATIENCE_S = 60
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def product(site: Site) -> Shop:
    """A product with a history: 1.2.0 was withdrawn, and its devices are ordered back."""
    shop = Shop(site, str(site.catalog), None)  # type: ignore[arg-type]
    shop.publish("1.0.0", "1.1.0", "1.2.0", boards="d1")
    to: dict[str, Any] = {"to": site.catalog, "by": "anna"}
    api.promote(shop.product, "1.1.0", channel="beta", **to)
    api.withdraw(shop.product, "1.2.0", reason="it hangs", order_back=True, **to)
    shop.publish("3.0.0", boards="d2", channel="dev")
    return shop


@pytest.fixture(params=["directory", "server"])
def shop(request: pytest.FixtureRequest, site: Site, product: Shop, acpublish: CommandLine) -> Shop:
    shop = Shop(site, site.server.url if request.param == "server" else product.to, acpublish)
    shop.product = product.product
    return shop


def test_the_channels_of_a_product(shop: Shop) -> None:
    said = shop("channels")
    assert (said.status, said.err) == (0, "")
    assert [re.sub(TIME, "T", " ".join(line.split())) for line in said.out.splitlines()] == [
        "beta d1 1.1.0 T by anna",
        "dev d2 3.0.0 T",
        "stable d1 1.1.0 T by anna: it hangs "
        "before: 1.2.0 (taken back, devices ordered back), 1.0.0",
    ]
    document = shop("channels", "--json").json()
    assert document["product"] == shop.product
    rows = {(row["channel"], row["board"]): row for row in document["channels"]}
    stable = rows["stable", "d1"]
    assert (stable["current"]["version"], stable["current"]["by"]) == ("1.1.0", "anna")
    assert [before["version"] for before in stable["before"]] == ["1.2.0", "1.0.0"]
    assert shop("channels").out == said.out


def test_the_history_of_a_product(shop: Shop) -> None:
    said = shop("history")
    assert (said.status, said.err) == (0, "")
    lines = [re.sub(TIME, "T", " ".join(line.split())) for line in said.out.splitlines()]
    assert lines[0] == "1 T publish 1.0.0 stable d1: nothing -> 1.0.0"
    assert lines[3] == "4 T promote 1.1.0 beta d1: nothing -> 1.1.0 by anna"
    assert lines[4] == (
        "5 T withdraw 1.2.0 stable d1: 1.2.0 -> 1.1.0, devices of d1 that run 1.2.0 are ordered "
        "back by anna it hangs"
    )
    document = shop("history", "--json").json()
    assert [line["serial"] for line in document["history"]] == [1, 2, 3, 4, 5, 6]
    assert document["history"][4]["action"] == "withdraw"
    assert document["history"][4]["ordered_back"] == [
        {"board": "d1", "kind": "firmware", "versions": ["1.2.0"]}
    ]


def test_both_give_the_same_documents(site: Site, product: Shop, acpublish: CommandLine) -> None:
    for command in ("channels", "history"):
        words = (command, product.product, "--json", "--to")
        directory, server = (acpublish(*words, to) for to in (product.to, site.server.url))
        assert directory.out == server.out


@pytest.mark.parametrize(
    ("words", "status", "problem", "hint"),
    [
        ("channels door", 8, "no", "products"),
        ("history door", 8, "no", "products"),
        ("status door", 8, "no", "products"),
        ("status --watch --json", 2, "cannot be combined", "--help"),
    ],
)
def test_a_mistake_is_one_line(
    shop: Shop, acpublish: CommandLine, words: str, status: int, problem: str, hint: str
) -> None:
    said = acpublish(*words.replace("PRODUCT", shop.product).split(), "--to", shop.to)
    assert said.status == status
    line = said.err.splitlines()[-1]
    assert line.startswith("acpublish: error: ")
    assert problem in line
    assert hint in line


def test_a_directory_that_is_not_there(acpublish: CommandLine, tmp_path: Path) -> None:
    for command in ("channels", "history", "status"):
        said = acpublish(command, "lamp", "--to", tmp_path / "missing")
        assert said.status == 8
        assert "missing" in said.error()


def test_the_status_is_one_screen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACPUBLISH_TOKEN", shop.site.token)
    shop.check_in(f"x-ESP8266-sketch-md5: {shop.image_of('1.2.0').md5}", mac=0xFE, channel="beta")
    said = shop("status")
    assert said.status == 0
    name, *lines = said.out.splitlines()
    assert name == shop.product
    assert [" ".join(line.split()[:3]) for line in lines[:3]] == [
        "beta d1 1.1.0",
        "dev d2 3.0.0",
        "stable d1 1.1.0",
    ]
    assert lines[3] == "  newest: 3.0.0, 1.1.0, 1.0.0"
    document = shop("status", "--json").json()
    (standing,) = document
    assert standing["product"] == shop.product
    if shop.is_server:
        assert " 1.2.0, which was withdrawn" in said.err
        assert {"board": "d1", "version": "1.2.0"}.items() <= standing["devices"][0].items()
        assert len(standing["attention"]) == 1
    else:
        assert (said.err, standing["devices"], standing["attention"]) == ("", [], [])


def test_the_status_of_all_products_and_of_none(
    shop: Shop, acpublish: CommandLine, tmp_path: Path
) -> None:
    assert shop.product in [
        entry["product"] for entry in acpublish("status", "--json", "--to", shop.to).json()
    ]
    (tmp_path / "empty").mkdir()
    said = acpublish("status", "--to", tmp_path / "empty")
    assert (said.status, said.out) == (0, "nothing is published yet\n")


def test_what_devices_run_needs_a_token_that_may_read(
    site: Site, product: Shop, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("status", product.product, "--json", "--to", site.server.url)
    # The token of this site has the scope manage.
    assert acpublish(*words).json()[0]["devices"] is None
    without = acpublish(*words[:2], *words[3:])
    assert "what devices run is shown to a token with the scope read" in without.out
    monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(site.state, read=True))
    assert acpublish(*words).json()[0]["devices"] is not None


def test_reading_sends_no_token(acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be refused over plain http, although it is not needed."""
    monkeypatch.setenv("ACPUBLISH_TOKEN", "acp-token-1234")
    # RFC 6761: never resolved.
    said = acpublish("channels", "lamp", "--to", "http://updates.invalid:8000")
    assert said.status == 5
    assert "plain http" not in said.err


def test_a_watch_on_a_terminal_ends_with_ctrl_c(product: Shop) -> None:
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    ours, theirs = pty.openpty()
    command = (sys.executable, "-m", "acpublish", "status", product.product, "--watch")
    with subprocess.Popen(
        [*command, "--to", product.to],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        shown = b""
        while shown.count(b"newest: 3.0.0") < 2:
            assert select.select([ours], [], [], PATIENCE_S)[0], shown
            shown += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 130
    assert err.strip() == b"acpublish: error: interrupted. The same command can be run again."


def test_the_status_of_a_directory_has_the_devices_of_its_fleet(
    acpublish: CommandLine, tmp_path: Path
) -> None:
    fleet = FleetSite(tmp_path / "site", acpublish)
    fleet.publish("1.0.0", "1.1.0")
    assert fleet("status", "--json").json()[0]["devices"] == []
    with fleet.serving() as ask:
        for number in (1, 2, 3):
            ask(number)
        for number in (4, 5):
            ask(number, "1.1.0")
        ask(6, None, claims="9.9.9")
    said = fleet("status")
    assert "  devices that checked in: 3 d1 with 1.0.0, 2 d1 with 1.1.0, 1 d1 with an image" in (
        said.out
    )
    assert "1 d1 will never be updated" in said.err
    (standing,) = fleet("status", "--json").json()
    assert standing["devices"] == [
        {"board": "d1", "version": "1.0.0", "count": 3},
        {"board": "d1", "version": "1.1.0", "count": 2},
        {"board": "d1", "version": None, "count": 1, "never_updated": True},
    ]


def test_a_fleet_that_cannot_be_read_does_not_hide_the_rest(
    acpublish: CommandLine, tmp_path: Path
) -> None:
    fleet = FleetSite(tmp_path / "site", acpublish)
    fleet.publish("1.0.0")
    fleet.state.joinpath(*STORE_FILE).parent.mkdir(parents=True)
    fleet.state.joinpath(*STORE_FILE).write_bytes(b"this is no database at all" * 100)
    said = fleet("status")
    assert said.status == 0
    assert "newest: 1.0.0" in said.out
    assert "warning: what devices run is not shown: " in said.err
