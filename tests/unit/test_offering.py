"""The public functions for what is offered, on a directory and on a real server alike."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish import offering
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import (
    AcpublishError,
    BadNameError,
    ConflictError,
    NotFoundError,
    SettingsError,
    VersionError,
)
from acpublish.release.channels import Place
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token
from tests.unit.catalog.holding import put

_NUMBERS = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server and its catalog, which these tests share."""

    catalog: Path
    server: RunningServer
    token: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "catalog").mkdir()
    token = create_token(folder / "state", "*", manage=True)
    with running_server(folder / "catalog", folder) as server:
        yield Site(catalog=folder / "catalog", server=server, token=token)


@pytest.fixture(params=["directory", "server"])
def where(request: pytest.FixtureRequest, site: Site) -> dict[str, Any]:
    """The arguments that say where to make a change."""
    if request.param == "directory":
        return {"to": site.catalog}
    return {"to": site.server.url, "token": site.token}


@pytest.fixture
def product(site: Site) -> str:
    """A product with three releases for two boards."""
    product = f"lamp{next(_NUMBERS)}"
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        for board in ("d1", "d2"):
            put(DirectoryCatalog(site.catalog), version, product=product, board=board)
    return product


def points_at(product: str, where: dict[str, Any], channel: str = "stable") -> dict[str, str]:
    return {
        row.place.board: str(row.current.version)
        for row in acpublish.channels(product, **where)
        if row.channel == channel and row.current
    }


def test_a_release_goes_out_comes_back_and_goes_out_again(
    product: str, where: dict[str, Any]
) -> None:
    changed = acpublish.promote(product, "1.1.0", channel="beta", boards="d1", **where)
    assert changed.applied
    assert points_at(product, where, "beta") == {"d1": "1.1.0"}
    back = acpublish.rollback(product, channel="stable", reason="it hangs", **where)
    assert points_at(product, where) == {"d1": "1.1.0", "d2": "1.1.0"}
    ordered = {place: list(map(str, versions)) for place, versions in back.ordered_back.items()}
    assert ordered == {Place(board, "firmware"): ["1.2.0"] for board in ("d1", "d2")}
    acpublish.rollback(product, "1.0.0", channel="stable", boards=["d2"], **where)
    assert points_at(product, where) == {"d1": "1.1.0", "d2": "1.0.0"}
    acpublish.withdraw(product, acpublish.Version.parse("1.1.0"), reason="it hangs", **where)
    assert points_at(product, where) == {"d1": "1.0.0", "d2": "1.0.0"}
    assert points_at(product, where, "beta") == {}
    acpublish.withdraw(product, "1.1.0", undo=True, **where)
    acpublish.promote(product, "1.1.0", channel="stable", **where)
    assert points_at(product, where) == {"d1": "1.1.0", "d2": "1.1.0"}
    actions = [line.action for line in acpublish.history(product, **where)]
    assert actions[6:] == ["promote", "rollback", "rollback", "withdraw", "undo", "promote"]


def test_old_releases_are_cleared_away_and_one_is_deleted(
    site: Site, product: str, where: dict[str, Any]
) -> None:
    put(DirectoryCatalog(site.catalog), "1.3.0", product=product)
    old: dict[str, Any] = {"keep": 1, "older_than": timedelta(0), **where}
    plan = acpublish.retain(product, **old)
    assert (plan.applied, {str(version) for version, _ in plan.freed}) == (
        False,
        {"1.0.0", "1.1.0"},
    )
    assert acpublish.retain(product, apply=True, **old).applied
    assert acpublish.retain(product, apply=True, **old).change is None
    assert acpublish.retain(product, keep=1, **where).freed == {}
    acpublish.delete(product, "1.3.0", reason="it has the Wi-Fi password", **where)
    assert points_at(product, where)["d1"] == "1.2.0"


@pytest.mark.parametrize(
    ("name", "arguments", "error", "words"),
    [
        ("promote", {"version": "9.9.9", "channel": "beta"}, NotFoundError, "no release 9.9.9"),
        ("promote", {"version": "1.0.0", "channel": "stable"}, ConflictError, "is lower than"),
        ("promote", {"version": "one", "channel": "beta"}, VersionError, "'one'"),
        ("promote", {"version": "1.0.0", "channel": "A b"}, BadNameError, "channel"),
        (
            "promote",
            {"version": "1.0.0", "channel": "beta", "boards": ["A b"]},
            BadNameError,
            "board",
        ),
        (
            "promote",
            {"version": "1.0.0", "channel": "beta", "reason": "a\nb"},
            SettingsError,
            "the reason contains",
        ),
        (
            "promote",
            {"version": "1.0.0", "channel": "beta", "by": "x" * 65},
            SettingsError,
            "the name is 65",
        ),
        ("rollback", {"channel": "nightly"}, NotFoundError, "no channel nightly"),
        ("withdraw", {"version": "1.2.0"}, SettingsError, "no reason is given"),
        ("delete", {"version": "1.2.0", "reason": " "}, SettingsError, "no reason is given"),
    ],
)
def test_an_error_is_the_same_for_a_directory_and_a_server(
    site: Site,
    product: str,
    name: str,
    arguments: dict[str, Any],
    error: type[AcpublishError],
    words: str,
) -> None:
    before = acpublish.history(product, to=site.catalog)
    for where in ({"to": site.catalog}, {"to": site.server.url, "token": site.token}):
        with pytest.raises(error, match=words) as caught:
            getattr(acpublish, name)(product, **arguments, **where)
        assert caught.value.hint
    assert acpublish.history(product, to=site.catalog) == before


@pytest.mark.parametrize("read", [acpublish.channels, acpublish.history])
def test_a_product_that_is_not_there(where: dict[str, Any], read: Any) -> None:
    with pytest.raises(NotFoundError, match=r"no (such )?product"):
        read("door", **where)
    # It would lead elsewhere in the address of a server.
    with pytest.raises(BadNameError):
        read("..", **where)


def test_every_public_function_of_the_module_is_a_name_of_the_package() -> None:
    public = {
        name
        for name, function in inspect.getmembers(offering, inspect.isfunction)
        if function.__module__ == offering.__name__ and not name.startswith("_")
    }
    # The command line passes requests that it has already made.
    assert public - {"change_with"} <= set(acpublish.__all__)


def test_a_missing_reason_is_named_as_python_does(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        acpublish.withdraw("lamp", "1.2.0", to=tmp_path)
    assert caught.value.hint == "Say why, with reason='…'; everyone can read it."
