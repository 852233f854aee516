"""Directories and servers are opened alike, and what cannot be used is refused early."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.client.remote import RemoteCatalog
from acpublish.errors import AuthenticationError, CatalogError, SettingsError
from acpublish.publishing.destinations import (
    open_catalog,
    open_changes,
    products_of,
    refuse_unusable,
    running_devices,
)
from acpublish.publishing.options import Destination
from tests.unit.catalog.holding import put
from tests.unit.client.scripted import json_answer, scripted

SERVER = Destination(to="http://127.0.0.1:1")


def test_a_directory(tmp_path: Path) -> None:
    catalog = open_catalog(Destination(to=str(tmp_path)), publishing=True)
    assert isinstance(catalog, DirectoryCatalog)
    assert catalog.root == tmp_path.resolve()
    with pytest.raises(CatalogError):
        open_catalog(Destination(to=str(tmp_path / "missing")))


def test_a_server_needs_a_token_only_to_publish() -> None:
    assert isinstance(open_catalog(SERVER), RemoteCatalog)
    with pytest.raises(AuthenticationError, match="only with a token"):
        open_catalog(SERVER, publishing=True)
    with_token = Destination(to=SERVER.to, token="secret")
    assert isinstance(open_catalog(with_token, publishing=True), RemoteCatalog)


def test_a_token_is_not_sent_in_the_clear() -> None:
    with pytest.raises(SettingsError, match="plain http"):
        open_catalog(Destination(to="http://192.0.2.1", token="secret"))


def test_what_cannot_be_used_is_refused_before_a_build(tmp_path: Path) -> None:
    refuse_unusable(Destination(to=str(tmp_path)), publishing=True)
    refuse_unusable(SERVER, publishing=False)
    refuse_unusable(Destination(to=SERVER.to, token="secret"), publishing=True)
    with pytest.raises(AuthenticationError):
        refuse_unusable(SERVER, publishing=True)
    (tmp_path / "file").touch()
    for name in ("missing", "file"):
        for publishing in (True, False):
            with pytest.raises(CatalogError):
                refuse_unusable(Destination(to=str(tmp_path / name)), publishing=publishing)


def test_the_products_and_their_changes(tmp_path: Path) -> None:
    there = Destination(to=str(tmp_path))
    assert products_of(there) == ()
    put(tmp_path, product="lamp")
    put(tmp_path, product="door")
    assert products_of(there) == ("door", "lamp")
    assert [line.action for line in open_changes(there).history("lamp")] == ["publish"]
    for missing in (products_of, open_changes):
        with pytest.raises(CatalogError):
            missing(Destination(to=str(tmp_path / "missing")))


def test_a_token_is_sent_only_to_change_something() -> None:
    """What a server offers can be read over plain http, although a token is set."""
    far = Destination(to="http://192.0.2.1", token="secret")
    open_changes(far)
    with pytest.raises(SettingsError, match="plain http"):
        open_changes(far, changing=True)


def test_what_devices_run_is_first_asked_without_a_token() -> None:
    document = '{"product": "lamp", "devices": [{"board": "d1", "version": null, "count": 1}]}'
    refusal = json_answer('{"error": "needs a token", "hint": "x", "code": "x"}', "401 No")
    with scripted(json_answer(document)) as server:
        running_devices(Destination(to=server.url, token="acp-token-1234"), "lamp")
        (request,) = server.requests
    assert b"Authorization" not in request
    with scripted(refusal, json_answer(document)) as server:
        (group,) = running_devices(Destination(to=server.url, token="acp-token-1234"), "lamp")
        assert group.count == 1
        assert b"Authorization: Bearer acp-token-1234" in server.requests[1]
    with scripted(refusal) as server, pytest.raises(AuthenticationError):
        running_devices(Destination(to=server.url), "lamp")


def test_no_device_asks_a_directory(tmp_path: Path) -> None:
    assert running_devices(Destination(to=str(tmp_path)), "lamp") == ()
