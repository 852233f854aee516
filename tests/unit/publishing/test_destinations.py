"""Directories and servers are opened alike, and what cannot be used is refused early."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.client.remote import RemoteCatalog
from acpublish.errors import AuthenticationError, CatalogError, SettingsError
from acpublish.publishing.destinations import open_catalog, refuse_unusable, running_devices
from acpublish.publishing.options import Destination

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


def test_no_device_asks_a_directory(tmp_path: Path) -> None:
    assert running_devices(Destination(to=str(tmp_path)), "lamp") == ()
