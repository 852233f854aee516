"""A directory and the server of it are listed alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timezone
from pathlib import Path

import pytest

from acpublish import api
from acpublish.errors import CatalogError, NotFoundError, UnreachableError
from acpublish.publishing.directory_listing import list_directory
from acpublish.publishing.options import Destination
from tests.support.images import esp8266_image
from tests.support.server import running_server


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    (path / "lamp").mkdir()
    (tmp_path / "firmware.bin").write_bytes(esp8266_image())
    api.create_key(tmp_path / "key.pem")
    api.publish(
        tmp_path / "firmware.bin",
        to=str(path),
        product="lamp",
        version="1.0.0",
        board="d1",
        signing_key=str(tmp_path / "key.pem"),
    )
    (path / "loose.bin").write_bytes(esp8266_image(seed=1))
    damaged = bytearray(esp8266_image(seed=2))
    damaged[6000] ^= 1
    (path / "damaged.bin").write_bytes(damaged)
    return path


def test_a_directory_and_its_server_are_listed_alike(catalog: Path, tmp_path: Path) -> None:
    local = Destination(to=str(catalog))
    with running_server(catalog, tmp_path) as server:
        remote = Destination(to=server.url)
        for path in (".", "lamp"):
            there = list_directory(remote, path)
            # The server writes the time of its own clock, without a time zone.
            here = [replace(entry, modified=None) for entry in list_directory(local, path)]
            assert [replace(entry, modified=None) for entry in there] == here
        (image,) = there
    types = {entry.name: entry.type for entry in list_directory(local)}
    assert types == {"lamp": "directory", "loose.bin": "bin", "damaged.bin": "file"}
    assert (image.name, image.type) == ("lamp-1.0.0_d1.bin", "bin")
    assert image.signed_with == (api.show_key(tmp_path / "key.pem").id,)
    (entry,) = list_directory(local, "lamp")
    assert entry.modified is not None
    assert entry.modified.tzinfo is timezone.utc


def test_a_directory_that_is_missing(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no directory 'attic' in the catalog"):
        list_directory(Destination(to=str(catalog)), "attic")
    with pytest.raises(CatalogError):
        list_directory(Destination(to=str(tmp_path / "missing")))


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(UnreachableError):
        list_directory(Destination(to="http://127.0.0.1:1"))
