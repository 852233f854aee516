"""Every captured request on all three ways: `/update/…`, with credentials, and below `/u/…`.

The devices ask for a product of which one release is published. Only the target, the MAC address
and, on the way with credentials, the header with these are changed: it is put where the captured
requests with setAuthorization have it.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.names import ImageKind
from acpublish.server.device_access_file import DeviceAccessStore
from tests.conformance.conftest import ESP32_SKETCH, ESP8266_SKETCH, FILESYSTEM
from tests.conformance.test_wire_replays import IMAGES, LISTS, REQUESTS, VERSIONS, names
from tests.support.server import Answer, RunningServer, running_server

#: Those of the captured requests.
USER, PASSWORD = "user", "s3cret"
BASIC = b"Authorization: Basic dXNlcjpzM2NyZXQ=\r\n"
WAYS = ["update", "file", "credentials", "credentials-file", "path", "path-file", "path-no-slash"]
#: A filesystem is sent once to each device.
_MACS = itertools.count()


@dataclass(frozen=True, slots=True)
class Site:
    """A server with the product ``open``, and ``lamp``, which needs credentials."""

    server: RunningServer
    path: bytes
    files: dict[tuple[str, str, str], bytes]
    catalog: Path

    def image(self, board: str, kind: str) -> bytes:
        """Returns an image, with its stamp, of either product."""
        name = self.file("lamp", board, kind).decode()
        return (self.catalog / name[1:]).read_bytes()

    def file(self, product: str, board: str, kind: str) -> bytes:
        """Returns the address of an image by its name."""
        return self.files[product, board, kind]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tmp = tmp_path_factory.mktemp("credentials")
    catalog = tmp / "catalog"
    catalog.mkdir()
    files: dict[tuple[str, str, str], bytes] = {}
    images = {"d1": ESP8266_SKETCH, "c": ESP32_SKETCH}
    kinds: tuple[ImageKind, ...] = ("firmware", "filesystem")
    for product, board in itertools.product(("open", "lamp"), images):
        for kind in kinds:
            (tmp / "image.bin").write_bytes(images[board] if kind == "firmware" else FILESYSTEM)
            acpublish.publish(
                tmp / "image.bin",
                to=str(catalog),
                product=product,
                version="2.0.0",
                board=board,
                kind=kind,
            )
    for product in ("open", "lamp"):
        for image in DirectoryCatalog(catalog).releases(product)[0].images:
            files[product, image.board, image.kind] = f"/{product}/{image.file}".encode()
    store = DeviceAccessStore(tmp / "state")
    store.set_credentials("lamp", USER, PASSWORD)
    path, _ = store.create_path(["lamp"])
    with running_server(catalog, tmp) as server:
        yield Site(server, path.encode(), files, catalog)


def test_the_header_is_that_of_the_captured_requests() -> None:
    assert BASIC.split()[2] == base64.b64encode(f"{USER}:{PASSWORD}".encode())
    assert sum(BASIC in path.read_bytes() for path in REQUESTS) == 4


def made(raw: bytes, site: Site, board: str, way: str) -> bytes:
    """Returns a captured request on one of the ways."""
    product = "open" if way in ("update", "file") else "lamp"
    kind = "filesystem" if re.search(rb"mode: (?!sketch|version)", raw) else "firmware"
    by_name = way in ("file", "credentials-file", "path-file", "path-no-slash")
    target = f"/update/{product}/{board}".encode()
    if by_name:
        target = site.file(product, board, kind)
    if way.startswith("path"):
        target = site.path + target
    if way == "path-no-slash":
        target = target[1:]
    raw = raw.replace(BASIC, b"")
    if way.startswith("credentials"):
        raw = raw.replace(b"Connection:", BASIC + b"Connection:", 1)
    mac = b"%06X" % next(_MACS)
    mac = b"24:0A:C4:%s:%s:%s" % (mac[:2], mac[2:4], mac[4:])
    raw = re.sub(rb"((?:STA|BASE)-MAC: )[0-9A-F:]{17}", rb"\g<1>" + mac, raw)
    return re.sub(rb"\AGET .* HTTP", b"GET " + target + b" HTTP", raw)


def board_of(path: Path) -> str:
    return "c" if path.name.startswith("5") or path.name.startswith("60") else "d1"


def ask(site: Site, raw: bytes) -> Answer:
    return site.server.ask(re.sub(rb"(?i)connection: keep-alive", b"Connection: close", raw))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", IMAGES, ids=names(IMAGES))
def test_image(path: Path, way: str, site: Site) -> None:
    raw, board = path.read_bytes(), board_of(path)
    request = made(raw, site, board, way)
    answer = ask(site, request)
    sketch = b"mode: sketch" in raw
    claims = re.search(rb"x-ESP(8266|32)-version:", raw)
    if not sketch and not claims and way in ("update", "credentials", "path"):
        # Nobody knows which filesystem it has, so only its file is sent.
        assert answer.status == 304
        return
    assert answer.status == 200
    if way in ("update", "file"):
        assert len(answer.body) == len(site.image(board, "firmware" if sketch else "filesystem"))
    else:
        assert answer.body == site.image(board, "firmware" if sketch else "filesystem")
    assert answer.one("x-md5") == hashlib.md5(answer.body).hexdigest()
    # The same device, which now runs that image.
    if sketch and b"sketch-md5" in raw:
        md5 = answer.one("x-md5").encode()
        sha256 = answer.body[-32:].hex().upper().encode()
        running = re.sub(rb"(sketch-md5: )\w+", rb"\g<1>" + md5, request)
        running = re.sub(rb"(sketch-sha256: )\w+", rb"\g<1>" + sha256, running)
        for _ in range(2):
            assert ask(site, running).status == 304


@pytest.mark.parametrize("path", VERSIONS, ids=names(VERSIONS))
@pytest.mark.parametrize("way", WAYS)
def test_version_mode(path: Path, way: str, site: Site) -> None:
    answer = ask(site, made(path.read_bytes(), site, "d1", way))
    assert (answer.status, answer.one("x-version"), answer.body) == (200, "2.0.0", b"")


@pytest.mark.parametrize("path", [*IMAGES, *VERSIONS], ids=names([*IMAGES, *VERSIONS]))
@pytest.mark.parametrize("way", ["credentials", "credentials-file"])
def test_without_credentials_there_is_nothing(path: Path, way: str, site: Site) -> None:
    request = made(path.read_bytes(), site, board_of(path), way)
    for _ in range(2):
        # Whoever sends them is remembered, and nobody else.
        assert ask(site, request).status in (200, 304)
        for changed in (
            request.replace(BASIC, b""),
            request.replace(BASIC, BASIC.replace(b"dXNlcjpzM2NyZXQ=", b"dXNlcjpzM2NyZQ==")),
            request.replace(BASIC, BASIC.replace(b"dXNlcjpzM2NyZXQ=", b"dXNlcjpzM2NyZVQ=")),
        ):
            answer = ask(site, changed)
            assert answer.status == 401
            assert answer.one("www-authenticate") == 'Basic realm="lamp", charset="UTF-8"'
            assert not answer.all("x-md5")
            assert not answer.all("x-version")
            assert len(answer.body) < 100


@pytest.mark.parametrize("where", ["root", "below", "query", "query-no-slash"])
@pytest.mark.parametrize("path", LISTS, ids=names(LISTS))
def test_list(path: Path, where: str, site: Site) -> None:
    """The list needs no credentials, because AutoConnect sends none."""
    raw = path.read_bytes()
    assert b"Authorization" not in raw
    target = {
        "root": b"/_catalog?op=list&path=.",
        "below": site.path + b"/_catalog?op=list&path=.",
        "query": b"/_catalog?op=list&path=" + site.path,
        "query-no-slash": b"/_catalog?op=list&path=" + site.path[1:] + b"/",
    }[where]
    answer = ask(site, re.sub(rb"\AGET .* HTTP", b"GET " + target + b" HTTP", raw))
    assert answer.status == 200
    listed = {entry["name"] for entry in json.loads(answer.body) if entry["type"] == "bin"}
    board = board_of(path)
    files = {site.file(product, board, "firmware")[1:].decode() for product in ("open", "lamp")}
    assert listed == files


@pytest.mark.parametrize("path", LISTS, ids=names(LISTS))
def test_the_list_of_a_folder_below_a_path(path: Path, site: Site) -> None:
    """What AutoConnectUpdate("…", 8000, "/u/…/lamp") asks for, and then requests."""
    raw = path.read_bytes()
    target = b"/_catalog?op=list&path=" + site.path + b"/lamp"
    answer = ask(site, re.sub(rb"\AGET .* HTTP", b"GET " + target + b" HTTP", raw))
    listed = [entry["name"] for entry in json.loads(answer.body) if entry["type"] == "bin"]
    assert len(listed) == 1
    image = site.server.get(site.path + b"/lamp/" + listed[0].encode())
    assert (image.status, len(image.body)) == (
        200,
        len(ESP32_SKETCH if board_of(path) == "c" else ESP8266_SKETCH),
    )


def test_derived_addresses_and_the_manifest_below_a_path(site: Site) -> None:
    for suffix in (b".md5", b".sha256", b".json"):
        address = b"/update/lamp/c" + suffix
        assert site.server.get(address).status == 401
        assert site.server.get(address, BASIC.decode().strip()).status == 200
        assert site.server.get(site.path + address).status == 200
    document = json.loads(site.server.get(site.path + b"/update/lamp/c.json").body)
    file = site.path + site.file("lamp", "c", "firmware")
    assert document["path"] == file.decode()
    assert document["builds"][0]["ota"]["path"] == file.decode()
    assert document["url"].endswith(file.decode())
    assert site.server.get(document["path"]).status == 200
    plain = json.loads(site.server.get(b"/update/open/c.json").body)
    assert plain["path"] == site.file("open", "c", "firmware").decode()
