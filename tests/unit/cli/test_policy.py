"""Policies, and what publishes and changes say of a channel that has one; both on a directory and
on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.fleet.policy import Policy
from acpublish.release.version import Version
from tests.support import images
from tests.unit.cli.invoking import CommandLine, Said
from tests.unit.cli.offering_site import Shop, Site, running_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(params=["directory", "server"])
def shop(
    request: pytest.FixtureRequest,
    site: Site,
    acpublish: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    """A product with one release for two boards."""
    monkeypatch.setenv("ACPUBLISH_TOKEN", site.token)
    to = site.server.url if request.param == "server" else str(site.catalog)
    shop = Shop(site, to, acpublish)
    shop.publish("1.0.0")
    return shop


def policy(acpublish: CommandLine, shop: Shop, command: str, *words: str) -> Said:
    return acpublish("policy", command, shop.product, "stable", *words, "--to", shop.to)


def test_a_policy_is_set_shown_and_cleared(shop: Shop, acpublish: CommandLine) -> None:
    said = policy(acpublish, shop, "show")
    assert said.out == "stable has no policy: a release reaches everybody at once\n"
    words = ("--stages", "1,10%,100%", "--soak", "1h,24h,0s", "--halt", "2,5%")
    said = policy(acpublish, shop, "set", *words, "--on-halt", "order-back", "--reason", "careful")
    assert (said.status, said.err) == (0, "")
    assert said.out == f"{shop.product} stable: policy set (change 3)\n"
    said = policy(acpublish, shop, "show")
    assert said.out.splitlines() == [
        "stages   1, 10%, 100%",
        "soak     1 hour, 1 day, 0 seconds",
        "halt     2 failures, or 5%",
        "on halt  order its devices back in stages",
        "window   always",
    ]
    document = policy(acpublish, shop, "show", "--json").json()
    expected = Policy.parse("1,10%,100%", soak="1h,24h,0s", halt="2,5%", on_halt="order-back")
    assert document == {
        "product": shop.product,
        "channel": "stable",
        "policy": expected.to_dict(),
    }
    again = policy(acpublish, shop, "set", *words, "--on-halt", "order-back")
    assert again.out == "nothing to do: that is the policy of stable\n"
    last = shop("history").out.splitlines()[-1]
    assert [*last.split()[:1], *last.split()[2:3], last.split()[-1]] == ["3", "policy", "careful"]
    short = "stable: 1,10%,100%, soak 1h,1d,0s, halt 2,5%, order its devices back in stages"
    assert short in last
    assert shop("history", "--json").json()["history"][-1]["policy"] == expected.to_dict()
    said = policy(acpublish, shop, "clear", "--json")
    assert (said.json()["change"]["action"], said.json()["change"]["policy"]) == ("policy", None)
    assert "stable cleared" in shop("history").out.splitlines()[-1]
    assert policy(acpublish, shop, "clear").out == "nothing to do: stable has no policy\n"


def test_the_state_folder_may_be_named_as_for_other_commands(
    shop: Shop, acpublish: CommandLine, tmp_path: Path
) -> None:
    words = ("--state", str(tmp_path))
    set_ = policy(acpublish, shop, "set", "--stages", "1,100%", *words)
    shown = policy(acpublish, shop, "show", *words)
    cleared = policy(acpublish, shop, "clear", *words)
    for said in (set_, shown, cleared):
        if shop.is_server:
            assert said.status == 2
            assert "--state goes with a directory" in said.err
        else:
            assert (said.status, said.err) == (0, "")


def test_a_publish_starts_a_rollout_and_says_so(
    shop: Shop, acpublish: CommandLine, tmp_path: Path
) -> None:
    policy(acpublish, shop, "set", "--stages", "1,100%")
    file = tmp_path / "firmware.bin"
    file.write_bytes(images.esp8266_image(size=5120, seed=7))
    words = ("--to", shop.to, "--product", shop.product, "--version", "1.1.0", "--board", "d1")
    planned = acpublish("publish", file, *words, "--dry-run")
    until = "stable points at 1.0.0 until it is complete"
    what = f"{shop.product} 1.1.0 for d1 (stable):"
    assert planned.out.splitlines()[0] == (
        f"{what} would be published; it would go there in stages, and {until}"
    )
    document = acpublish("publish", file, *words, "--json").json()
    assert (document["outcome"], document["rolling"]) == ("published", True)
    assert (document["points_at"], shop.points_at()) == ("1.0.0", "1.0.0")
    again = acpublish("publish", file, *words)
    assert again.out.splitlines()[0] == (
        f"{what} already published; it goes there in stages, which a server makes, and {until}"
    )
    rows = [line.split() for line in shop("channels").out.splitlines()]
    assert [row[:3] for row in rows] == [
        ["stable", "d1", "1.0.0"],
        ["stable", "d1", "1.1.0"],
        ["stable", "d2", "1.0.0"],
    ]
    assert rows[1][-5:] == ["on", "its", "way,", "in", "stages"]
    assert "stable d1: in stages" in shop("history").out.splitlines()[-1]


def test_lists_show_what_is_on_its_way(shop: Shop, acpublish: CommandLine) -> None:
    policy(acpublish, shop, "set", "--stages", "1,100%")
    shop.publish("1.1.0", boards="d1")
    entries = acpublish("list", "--to", shop.to, "--json").json()
    (top,) = [entry for entry in entries if entry["name"] == shop.product]
    assert {target["version"] for target in top["points_at"]} == {"1.0.0"}
    assert top["rolling"] == [
        {"channel": "stable", "board": "d1", "kind": "firmware", "version": "1.1.0"}
    ]
    assert "stable 1.1.0 for d1 (on its way)" in acpublish("list", "--to", shop.to).out
    folder = ("list", "--to", shop.to, "--path", shop.product)
    assert "1.1.0" not in acpublish(*folder).out
    entries = acpublish(*folder, "--all", "--json").json()
    (coming,) = [entry for entry in entries if entry["version"] == "1.1.0"]
    assert (coming["state"], coming["reason"]) == ("rolling", "on its way to stable")
    status = acpublish("status", shop.product, "--to", shop.to)
    assert "newest: 1.1.0, 1.0.0" in status.out
    rollouts = DirectoryCatalog(shop.site.catalog).rollouts
    rollouts.halt(shop.product, "stable", Version.parse("1.1.0"), "two failed")
    status = acpublish("status", shop.product, "--to", shop.to)
    assert "the rollout of 1.1.0 to stable is halted: two failed" in status.err


def test_promotions_and_rollbacks(shop: Shop, acpublish: CommandLine) -> None:
    policy(acpublish, shop, "set", "--stages", "1,100%")
    shop.publish("1.1.0", channel="beta")
    said = shop("promote", "1.1.0", "--channel", "stable")
    assert said.out.splitlines() == [
        "1.1.0 goes to stable in stages, and a server makes the rollout. stable stays where it is "
        "until it is complete.",
        f"{shop.product} 1.1.0: promoted to stable, in stages (change 6)",
    ]
    again = shop("promote", "1.1.0", "--channel", "stable")
    assert again.out.splitlines() == [
        "1.1.0 is on its way to stable already, in stages.",
        "nothing to do",
    ]
    said = shop("rollback", "--channel", "stable", "--yes")
    assert said.out.splitlines()[:4] == [
        "stable d1: stays at 1.0.0",
        "stable d2: stays at 1.0.0",
        "devices of d1 that run 1.1.0 are ordered back",
        "devices of d2 that run 1.1.0 are ordered back",
    ]
    assert said.out.splitlines()[-1] == f"{shop.product} stable: rolled back (change 7)"
    rows = shop("channels").out.splitlines()
    assert "before: 1.1.0 (rollout ended, devices ordered back)" in rows[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stages", "0"), "the stage '0' reaches nobody"),
        (("--stages", "10%,5%"), "does not reach more than '10%' before it"),
        (("--stages", "1,all"), "'all' is not a stage"),
        (("--stages", "1,100%", "--soak", "1h,2h,3h"), "there are 3 soaks for 2 stages"),
        (("--stages", "1,100%", "--window", "25:00-26:00"), "25:00 is not a time of the day"),
        (("--stages", "1,100%", "--at-once"), "--at-once has no effect"),
        (("--stages", "1,100%", "--halt", "0"), "a rollout cannot halt at 0 failures"),
        (("--stages", "1,100%", "--by", "x" * 65), "is 65 characters long"),
        (("--stages", "1,100%", "--reason", "a\x1b"), "the reason contains a control character"),
    ],
)
def test_an_invalid_policy_is_one_line_and_changes_nothing(
    shop: Shop, acpublish: CommandLine, words: tuple[str, ...], said: str
) -> None:
    before = shop.document.read_bytes()
    failed = policy(acpublish, shop, "set", *words)
    assert failed.status == 2
    assert said in failed.error()
    assert shop.document.read_bytes() == before


def test_without_a_token_and_for_an_unknown_product(
    shop: Shop, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("show", "clear"):
        said = acpublish("policy", command, "nothing", "stable", "--to", shop.to)
        assert "product" in said.error()
    monkeypatch.delenv("ACPUBLISH_TOKEN")
    assert policy(acpublish, shop, "show").status == 0
    if shop.is_server:
        assert "--manage" in policy(acpublish, shop, "clear").error()
