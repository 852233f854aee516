"""Commands that change what is offered, on a directory and on a real server alike."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import acpublish as api
from acpublish import atomic
from acpublish.catalog import layout
from acpublish.cli import change
from tests.support.tokens import create_token
from tests.unit.catalog.holding import files_below
from tests.unit.cli.invoking import CommandLine
from tests.unit.cli.offering_site import Shop, Site, running_site, types
from tests.unit.client.scripted import json_answer, scripted

#: What a server of 0.1.0 says of the new addresses (0.1.0, acpublish/server/api/routes.py,
#: ``_on_unknown_address``).
OF_0_1_0 = (
    '{"error": "there is nothing at this address", "hint": "See /api/v1/products.", '
    '"code": "not-found"}'
)


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
    """A product with three releases for two boards."""
    monkeypatch.setenv("ACPUBLISH_TOKEN", site.token)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    to = site.server.url if request.param == "server" else str(site.catalog)
    shop = Shop(site, to, acpublish)
    shop.publish("1.0.0", "1.1.0", "1.2.0")
    return shop


def test_a_promotion_moves_every_board_and_says_so(shop: Shop) -> None:
    said = shop("promote", "1.1.0", "--channel", "beta", "--reason", "tried for a week")
    assert (said.status, said.err) == (0, "")
    *moves, last = said.out.splitlines()
    assert moves == [
        "beta d1: nothing -> 1.1.0",
        "beta d2: nothing -> 1.1.0",
        "beta is a new channel; those so far are: stable.",
    ]
    assert last.startswith(f"{shop.product} 1.1.0: promoted to beta (change ")
    assert shop.points_at("beta") == shop.points_at("beta", "d2") == "1.1.0"
    again = shop("promote", "1.1.0", "--channel", "beta")
    assert (again.status, again.out) == (0, "nothing to do: the channel points at it already\n")
    assert shop("promote", "1.2.0", "--channel", "beta", "--board", "d2").status == 0
    assert (shop.points_at("beta"), shop.points_at("beta", "d2")) == ("1.1.0", "1.2.0")


def test_a_promotion_in_json(shop: Shop) -> None:
    said = shop("promote", "1.1.0", "--channel", "beta", "--json")
    document = said.json()
    assert (said.status, document["applied"]) == (0, True)
    assert document["change"]["action"] == "promote"
    assert [move["to"] for move in document["change"]["moves"]] == ["1.1.0", "1.1.0"]
    assert shop("promote", "1.1.0", "--channel", "beta", "--json").json()["change"] is None


def test_a_rollback_says_what_is_known_and_asks(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, "n")
    shop.check_in(f"x-ESP8266-sketch-md5: {shop.image_of('1.2.0').md5}")
    said = shop("rollback", "--channel", "stable", "--board", "d1")
    lines = said.out.splitlines()
    assert said.status == 1
    assert lines[-1].endswith("nothing was changed")
    assert lines[:2] == [
        "stable d1: 1.2.0 -> 1.1.0",
        "devices of d1 that run 1.2.0 are ordered back",
    ]
    known = "devices that are known to run it: 1"
    unknown = "how many devices run it is not counted here; 'acpublish devices list' shows them"
    assert (known if shop.is_server else unknown) in lines
    assert shop.points_at() == "1.2.0"
    types(monkeypatch, "y")
    agreed = shop("rollback", "--channel", "stable", "--board", "d1")
    assert agreed.status == 0
    assert agreed.out.count("1.2.0 -> 1.1.0") == 1
    assert f"{shop.product} stable: rolled back (change " in agreed.out.splitlines()[-1]
    assert (shop.points_at(), shop.points_at(board="d2")) == ("1.1.0", "1.2.0")


def test_without_a_terminal_nothing_is_changed(shop: Shop) -> None:
    before = shop.document.read_bytes()
    said = shop("rollback", "--channel", "stable")
    assert said.status == 2
    assert said.err == (
        "acpublish: error: nothing was changed, because there is no terminal to ask for "
        "confirmation. Review this above, then run it again with --yes.\n"
    )
    assert shop.document.read_bytes() == before
    problem = shop("rollback", "--channel", "stable", "--json").problem()
    assert problem["code"] == "usage"
    assert shop("rollback", "--channel", "stable", "--yes").status == 0
    assert shop.points_at() == "1.1.0"


def test_a_no_in_json_is_one_document(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "n")
    said = shop("withdraw", "1.2.0", "--reason", "it hangs", "--json")
    assert (said.status, said.json()["applied"]) == (1, False)
    assert "stable d1: 1.2.0 -> 1.1.0" in said.err
    assert shop.points_at() == "1.2.0"


def test_what_was_planned_is_not_made_after_another_change(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*_: Any, **__: Any) -> bool:
        api.promote(shop.product, "1.2.0", to=shop.site.catalog, channel="beta", by="anna")
        return True

    monkeypatch.setattr(change, "confirm", meanwhile)
    said = shop("rollback", "--channel", "stable")
    assert said.status == 4
    assert "another change was made meanwhile: promote 1.2.0 by anna" in said.err
    assert shop.points_at() == "1.2.0"


def test_a_withdrawn_release_comes_back_with_undo_and_a_promotion(shop: Shop) -> None:
    visible = f"{shop.product}/{shop.product}-1.2.0_d1.bin"
    said = shop("withdraw", "1.2.0", "--reason", "it hangs", "--yes")
    assert said.status == 0
    assert said.out.splitlines()[-1].startswith(f"{shop.product} 1.2.0: withdrawn (change ")
    assert "ordered back" not in said.out
    assert shop.points_at() == "1.1.0"
    assert visible not in files_below(shop.site.catalog)
    again = shop("withdraw", "1.2.0", "--reason", "x")
    assert again.out == "nothing to do: it is not offered any more\n"
    undone = shop("withdraw", "1.2.0", "--undo")
    assert undone.status == 0
    assert f"acpublish promote {shop.product} 1.2.0 --channel" in undone.out
    assert undone.out.splitlines()[-1].startswith(f"{shop.product} 1.2.0: no longer withdrawn (")
    assert shop.points_at() == "1.1.0"
    assert visible in files_below(shop.site.catalog)
    assert shop("promote", "1.2.0", "--channel", "stable").status == 0
    assert shop.points_at() == "1.2.0"


def test_a_withdrawal_may_order_back(shop: Shop) -> None:
    said = shop("withdraw", "1.2.0", "--reason", "it hangs", "--order-back", "--yes")
    assert "devices of d1 that run 1.2.0 are ordered back" in said.out.splitlines()


def test_a_channel_that_will_point_at_nothing_is_named(shop: Shop) -> None:
    shop.publish("1.0.0-rc.1", channel="only", boards="d1")
    said = shop("withdraw", "1.0.0-rc.1", "--reason", "x", "--yes")
    assert "only points at nothing for d1 now." in said.out.splitlines()
    assert shop.points_at("only") is None


def test_a_deletion_removes_the_bytes(shop: Shop) -> None:
    stored = layout.objects(shop.site.catalog) / shop.image_of("1.2.0").sha256
    assert stored.exists()
    said = shop("delete", "1.2.0", "--reason", "it has the Wi-Fi password", "--yes")
    assert said.status == 0
    assert said.out.splitlines()[-1].startswith(f"{shop.product} 1.2.0: deleted (change ")
    assert not stored.exists()
    again = shop("withdraw", "1.2.0", "--reason", "x")
    assert again.out == "nothing to do: it is not offered any more\n"


@pytest.mark.parametrize("command", ["withdraw", "delete"])
def test_a_reason_is_required(shop: Shop, command: str) -> None:
    said = shop(command, "1.2.0", "--yes")
    assert said.status == 2
    assert said.error() == (
        "acpublish: error: no reason is given. Say why, with --reason TEXT; everyone can read it."
    )
    assert shop.points_at() == "1.2.0"


def test_retain_is_a_plan_until_it_is_applied(shop: Shop) -> None:
    shop.publish("1.3.0", "1.4.0", boards="d1")
    words = ("--keep", "1", "--older-than", "0s")
    plan = shop("retain", *words)
    assert plan.status == 0
    assert "1.0.0 for d1: 5120 bytes" in plan.out.splitlines()
    assert plan.out.splitlines()[-1] == "nothing was removed: add --apply to remove this"
    visible = f"{shop.product}/{shop.product}-1.0.0_d1.bin"
    assert visible in files_below(shop.site.catalog)
    applied = shop("retain", *words, "--apply")
    assert applied.out.splitlines()[-1].startswith(f"{shop.product}: 4 images removed (change ")
    assert visible not in files_below(shop.site.catalog)
    young = shop("retain", "--keep", "1")
    assert young.out.splitlines()[-1] == "nothing to remove"
    assert young.out.splitlines()[0] == (
        "Images published within 90 days are kept, because there is no complete list of the "
        "devices that run them."
    )


#: The command, its exit status, and words of the problem and of the hint.
MISTAKES = [
    ("promote 9.9.9 --channel beta", 8, "no release 9.9.9", "The newest are: 1.2.0"),
    ("promote 1.2.0 --channel beta --board d9", 8, "no image for d9", "Its boards are: d1, d2"),
    ("promote 1.1.0 --channel stable", 4, "1.1.0 is lower than 1.2.0", "acpublish rollback"),
    ("promote one --channel beta", 7, "'one' is not a valid SemVer", "for example"),
    ("promote 1.2.0 --channel Be+ta", 7, "channel", ""),
    ("rollback --channel nightly --yes", 8, "no channel nightly", "channels are: stable"),
    ("rollback 1.0.0 --channel stable --board d9 --yes", 8, "no board d9", "d1, d2"),
    ("rollback 9.9.9 --channel stable --yes", 8, "no release 9.9.9", "The newest"),
    ("rollback 1.2.0 --channel stable --yes", 4, "that is what it points at", "channels"),
    ("withdraw 9.9.9 --reason x --yes", 8, "no release 9.9.9", "The newest are: 1.2.0"),
    ("withdraw 1.2.0 --reason x\ay --yes", 2, "the reason contains a control", "one line"),
    ("retain --keep 0", 2, "0 is not in the range", "--help"),
    ("retain --keep 1 --older-than soon", 2, "'soon' is not a duration", "90s, 15m"),
    ("withdraw 1.2.0 --undo --order-back", 2, "cannot be combined", "--help"),
]


def test_a_mistake_is_one_line_and_changes_nothing(shop: Shop) -> None:
    before = shop.document.read_bytes()
    for words, status, problem, hint in MISTAKES:
        command, *rest = words.split(" ")
        said = shop(command, *rest)
        assert said.status == status, said.err
        assert problem in said.error()
        assert hint in said.error()
        assert shop(command, *rest, "--json").problem()["status"] == status
    assert shop.document.read_bytes() == before


def test_a_product_that_is_not_there(shop: Shop, acpublish: CommandLine) -> None:
    words = ("promote", "door", "1.0.0", "--channel", "beta", "--to", shop.to)
    said = acpublish(*words)
    assert said.status == 8
    assert "no product door" in said.error()


def test_a_withdrawn_or_unsigned_release_is_not_promoted(shop: Shop, tmp_path: Path) -> None:
    assert shop("withdraw", "1.2.0", "--reason", "it hangs", "--yes").status == 0
    said = shop("promote", "1.2.0", "--channel", "beta")
    assert said.status == 4
    assert "was withdrawn: it hangs" in said.error()
    assert f"acpublish withdraw {shop.product} 1.2.0 --undo" in said.error()
    key = api.create_key(tmp_path / "key.pem")
    api.trust_keys(shop.site.catalog, product=shop.product, add=key.pem, confirmed=True)
    unsigned = shop("promote", "1.1.0", "--channel", "beta")
    assert unsigned.status == 4
    assert "is not signed with a key that the product trusts" in unsigned.error()
    assert "acpublish key resign" in unsigned.error()
    assert shop.points_at("beta") is None


def test_a_catalog_of_a_newer_acpublish_is_left_alone(shop: Shop) -> None:
    newer = {**json.loads(shop.document.read_bytes()), "format": 3}
    shop.document.write_text(json.dumps(newer))
    for command in ("promote 1.2.0 --channel beta", "delete 1.2.0 --reason x --yes", "channels"):
        name, *words = command.split()
        said = shop(name, *words)
        assert said.status == (4 if shop.is_server else 8)
        assert "newer than 2, the latest that this acpublish can read" in said.error()
        assert "Install a newer acpublish" in said.error()
    assert json.loads(shop.document.read_bytes()) == newer


def test_a_locked_catalog(
    site: Site, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own bound is shown by tests/unit/server/api/test_change_routes.py."""
    shop = Shop(site, str(site.catalog), acpublish)
    shop.publish("1.0.0", "1.1.0")
    monkeypatch.setattr(atomic, "LOCK_WAIT_S", 0.1)
    with atomic.exclusive(shop.site.catalog / layout.HIDDEN):
        said = shop("promote", "1.1.0", "--channel", "beta")
    assert said.status == 8
    assert "has held the lock of" in said.error()


def test_who_did_it_comes_from_the_option_the_setting_or_the_token(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_BY", "ci")
    shop("promote", "1.0.0", "--channel", "beta")
    shop("promote", "1.1.0", "--channel", "beta", "--by", "anna")
    history = api.history(shop.product, to=shop.site.catalog)
    by = [line.author.by for line in history[-2:]]
    if shop.is_server:
        assert by[0] == by[1] != ""
        assert {"ci", "anna"}.isdisjoint(by)
        path = f"/api/v1/products/{shop.product}/changes"
        note = f"POST {path} 200 (token {by[0]}; promote 1.0.0 beta: change {history[-2].serial})"
        assert shop.site.server.logs(note)
        assert shop.site.token not in shop.site.server.log()
    else:
        assert by == ["ci", "anna"]
    monkeypatch.setenv("ACPUBLISH_BY", "x" * 65)
    said = shop("promote", "1.2.0", "--channel", "beta")
    assert said.status == 2
    assert "ACPUBLISH_BY: the name is 65 characters long" in said.error()


#: What a token allows, the command, and words of the problem and of the hint.
REFUSED: list[tuple[Any, str, str, str]] = [
    (None, "withdraw 1.2.0 --reason x", "none is set", "token create --manage"),
    (None, "promote 1.2.0 --channel beta", "none is set", "token create --publish"),
    ("wrong", "promote 1.2.0 --channel beta", "does not know this token", "token create"),
    ({"publish": "door"}, "promote 1.2.0 --channel beta", "for another product", "--publish"),
    (
        {"publish": "*", "channels": ["dev"]},
        "promote 1.2.0 --channel beta",
        "for other channels",
        "--publish",
    ),
    ({"publish": "*"}, "withdraw 1.2.0 --reason x", "the scope manage", "--manage"),
    ({"publish": "*"}, "rollback --channel stable --yes", "the scope manage", "--manage"),
    ({"read": True}, "promote 1.2.0 --channel beta", "the scope publish", "--publish"),
]


def test_a_token_that_does_not_allow_it(
    site: Site, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(site, site.server.url, acpublish)
    shop.publish("1.0.0", "1.2.0", boards="d1")
    before = shop.document.read_bytes()
    for grant, words, problem, hint in REFUSED:
        if isinstance(grant, dict):
            monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(site.state, **grant))
        elif grant:
            monkeypatch.setenv("ACPUBLISH_TOKEN", "acp_" + "wrong" * 8)
        command, *rest = words.split()
        said = shop(command, *rest)
        assert said.status == 3, said.err
        assert problem in said.error()
        assert hint in said.error()
    assert shop.document.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("promote", "1.0.0", "--channel", "beta"),
        ("rollback", "--channel", "stable", "--yes"),
        ("channels",),
        ("history",),
        ("status",),
    ],
)
def test_an_earlier_server_is_named(
    acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ACPUBLISH_TOKEN", "acp-token-1234")
    with scripted(json_answer(OF_0_1_0, "404 Not Found")) as server:
        said = acpublish(words[0], "lamp", *words[1:], "--to", server.url)
        assert said.error() == (
            f"acpublish: error: {server.url} runs an earlier acpublish, which cannot do this. "
            "Install the current version on the server."
        )
    assert said.status == 5
