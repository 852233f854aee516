"""The addresses below ``/update/``: forms, spellings, validators, and the names of headers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import acpublish
from acpublish.wire import MAX_IMAGE_HEADER_BYTES
from tests.support.images import esp32_image, esp8266_image, littlefs
from tests.support.pull_clients import (
    EspHttpsOta,
    RejectedError,
    arduino_http_client_length,
    aws_s3_ota_update,
)
from tests.support.server import RunningServer, running_server

UPDATER = ("User-Agent: ESP32-http-Update", "x-ESP32-mode: sketch")
TYPED = esp8266_image(seed=30)
ESP8266 = ("User-Agent: ESP8266-http-Update", "x-ESP8266-mode: sketch")
#: How nginx spells names, and how the updaters' sources spell theirs.
CANONICAL = re.compile(
    r"(?:[A-Z][a-z]+(?:-[A-Z][a-z]+)*|ETag|WWW-Authenticate|x-MD5|x-SHA256|x-version)\Z"
)


def release(catalog: Path, version: str, board: str, image: bytes, **options: str | bool) -> bytes:
    """Publishes an image, and returns the bytes that were published."""
    file = catalog.parent / "image.bin"
    file.write_bytes(image)
    product = str(options.pop("product", "lamp"))
    published = acpublish.publish(
        file, to=str(catalog), product=product, version=version, board=board, **options
    )
    return (catalog / product / Path(published.url).name).read_bytes()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    catalog = tmp_path_factory.mktemp("addresses") / "catalog"
    catalog.mkdir()
    release(catalog, "1.0.0", "c3", esp32_image("esp32c3", size=30_000, seed=1))
    release(catalog, "1.0.0", "d1", esp8266_image(seed=2))
    release(catalog, "1.0.0", "esp.md5", esp8266_image(seed=3))
    release(catalog, "1.0.0", "esp", esp8266_image(seed=4))
    release(catalog, "1.0.0", "b" * 32, esp8266_image(seed=5))
    release(catalog, "1.0.0", "c3", littlefs(seed=6), kind="filesystem")
    release(catalog, "2.0.0", "c3", esp32_image("esp32c3", size=30_000, seed=7), channel="beta")
    folder = catalog / "update" / "Lamp"
    folder.mkdir(parents=True)
    (folder / "D1.bin").write_bytes(TYPED)
    (folder / "C3").write_text("not an image, so it is not served")
    key = acpublish.create_key(catalog.parent / "key.pem")
    release(catalog, "1.0.0", "c3", esp32_image("esp32c3", seed=8), product="unsigned")
    acpublish.trust_keys(catalog, product="unsigned", add=key.pem, confirmed=True)
    return catalog


@pytest.fixture(scope="module")
def server(catalog: Path) -> Iterator[RunningServer]:
    with running_server(catalog, catalog.parent) as running:
        yield running


def body(server: RunningServer, target: str, *headers: str) -> bytes:
    answer = server.get(target, *headers)
    assert answer.status == 200, answer
    return answer.body


# 1. The names of headers


@pytest.mark.parametrize(
    ("status", "target", "headers"),
    [
        (200, "/update/lamp/c3", ()),
        (200, "/update/lamp/c3", UPDATER),
        (200, "/lamp/lamp-1.0.0_c3.bin", ()),
        (200, "/update/lamp/c3", ("x-ESP32-mode: version",)),
        (200, "/update/lamp/c3.md5", ()),
        (200, "/update/lamp/c3.json", ()),
        (200, "/_catalog?op=list", ()),
        (200, "/api/v1/products", ()),
        (206, "/update/lamp/c3", ("Range: bytes=0-9",)),
        (304, "/update/lamp/c3", (*UPDATER, "x-ESP32-version: 9.0.0")),
        (304, "/update/lamp/c3", ("If-None-Match: *",)),
        (400, "/_catalog", ()),
        (403, "/update/lamp/c3", ESP8266),
        (404, "/update/lamp/none", ()),
        (404, "/api/v1/none", ()),
        (412, "/update/lamp/c3", ('If-Match: "other"',)),
        (416, "/update/lamp/c3", ("Range: bytes=9999999-",)),
        (421, "/api/v1/products", ("Host: elsewhere.example",)),
    ],
)
def test_names_of_headers_are_in_canonical_case(
    server: RunningServer, status: int, target: str, headers: tuple[str, ...]
) -> None:
    lines = "".join(f"{line}\r\n" for line in headers)
    raw = server.send(f"GET {target} HTTP/1.0\r\n{lines}\r\n".encode())
    head = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[0].startswith(f"HTTP/1.1 {status} ")
    names = [line.partition(":")[0] for line in head[1:]]
    assert [name for name in names if not CANONICAL.match(name)] == []
    assert "Date" in names
    assert "Connection" in names
    if status != 304:
        assert arduino_http_client_length(raw) == len(raw.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET /" + b"a" * 9000,
        b"POST /a HTTP/1.0\r\n\r\n",
    ],
)
def test_so_are_those_of_what_no_route_answers(server: RunningServer, raw: bytes) -> None:
    assert arduino_http_client_length(server.send(raw)) is not None


def test_clients_that_compare_bytes_find_the_length(server: RunningServer) -> None:
    raw = server.send(b"GET /update/lamp/c3 HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
    image = raw.partition(b"\r\n\r\n")[2]
    assert arduino_http_client_length(raw) == len(image) >= 30_000
    assert aws_s3_ota_update(raw) == (len(image), True)
    assert b"\r\nx-MD5: " + hashlib.md5(image).hexdigest().encode() + b"\r\n" in raw


# 2. Digests and spellings


def test_the_digests_are_those_of_the_image(server: RunningServer) -> None:
    for headers in ((), (*UPDATER, "x-ESP32-STA-MAC: 24:0A:C4:00:00:02")):
        image = body(server, "/update/lamp/c3", *headers)
        for name, digest in (("md5", hashlib.md5), ("sha256", hashlib.sha256)):
            line = f"{digest(image).hexdigest()}  lamp-1.0.0_c3.bin\n".encode()
            assert body(server, f"/update/lamp/c3.{name}", *headers) == line
            assert body(server, f"/lamp/lamp-1.0.0_c3.bin.{name}") == line


def test_the_digests_follow_the_channel_and_the_kind(server: RunningServer) -> None:
    beta = body(server, "/update/lamp/c3?channel=beta")
    md5 = hashlib.md5(beta).hexdigest().encode()
    assert body(server, "/update/lamp/c3.md5?channel=beta")[:32] == md5
    filesystem = (*UPDATER[:1], "x-ESP32-mode: spiffs", "x-ESP32-version: 0.1.0")
    image = body(server, "/update/lamp/c3", *filesystem)
    digest = body(server, "/update/lamp/c3.sha256", *filesystem)
    assert digest == f"{hashlib.sha256(image).hexdigest()}  lamp-1.0.0_c3.fs.bin\n".encode()
    # The digest of an image is asked for by devices that run it already, too.
    running = (*UPDATER, "x-ESP32-version: 1.0.0")
    assert server.get("/update/lamp/c3", *running).status == 304
    assert server.get("/update/lamp/c3.md5", *running).status == 200
    assert server.get("/update/lamp/c3.md5", *ESP8266).status == 403


@pytest.mark.parametrize(
    "target",
    [
        "/update/lamp/c3/",
        "/update/LAMP/c3",
        "/update/Lamp/C3/",
        "/update/lamp/%633",
        "/update/lamp/C3?channel=Stable",
    ],
)
def test_an_address_in_other_spellings(server: RunningServer, target: str) -> None:
    assert body(server, target) == body(server, "/update/lamp/c3")


@pytest.mark.parametrize("target", ["/update/Lamp/C3.MD5", "/update/lamp/c3.md5/"])
def test_a_digest_in_other_spellings(server: RunningServer, target: str) -> None:
    assert body(server, target) == body(server, "/update/lamp/c3.md5")


def test_what_is_literal_wins(server: RunningServer, catalog: Path) -> None:
    images = {
        board: body(server, f"/update/lamp/{board}") for board in ("esp", "esp.md5", "b" * 32)
    }
    assert len(set(images.values())) == 3
    assert images["esp.md5"] == (catalog / "lamp" / "lamp-1.0.0_esp.md5.bin").read_bytes()
    # A board of that name takes the address in every channel.
    assert server.get("/update/lamp/esp.md5?channel=beta").status == 404
    for target, board in (
        ("esp.sha256", "esp"),
        ("esp.md5.sha256", "esp.md5"),
        ("b" * 32 + ".sha256", "b" * 32),
    ):
        digest = hashlib.sha256(images[board]).hexdigest()
        assert body(server, f"/update/lamp/{target}")[:64].decode() == digest
    release(catalog, "1.0.0", "d1.bin", esp8266_image(seed=9))
    assert body(server, "/update/lamp/d1.bin") != TYPED
    assert body(server, "/update/Lamp/D1.bin") == TYPED


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/update/none/c3", "there is no product none"),
        ("/update/none/c3.json", "there is no product none"),
        ("/update/lamp/none", "lamp has no release for the board none"),
        ("/update/lamp/none.md5", "lamp has no release for the board none"),
        ("/update/lamp/d1?channel=beta", "no firmware for d1 on beta"),
        ("/update/lamp/d1.json?channel=beta", "no firmware for d1 on beta"),
        ("/update/unsigned/c3", "no release of unsigned may be offered"),
        ("/update/unsigned/c3.json", "no release of unsigned may be offered"),
        ("/update/unsigned/c3.sha256", "no release of unsigned may be offered"),
        ("/update/", "it is not /update/PRODUCT/BOARD"),
        ("/update/lamp", "it is not /update/PRODUCT/BOARD"),
        ("/update/lamp/c3/more", "it is not /update/PRODUCT/BOARD"),
        ("/update/lamp/%00", "it is not /update/PRODUCT/BOARD"),
        ("/update/lamp/c3?channel=a%20b", "it is not /update/PRODUCT/BOARD"),
    ],
)
def test_the_log_has_the_reason_of_each_404(
    server: RunningServer, target: str, reason: str
) -> None:
    for headers in ((), UPDATER):
        answer = server.get(target, *headers)
        assert answer.status == 404
        assert answer.body == b"There is nothing at this address.\n"
    assert server.logs(f"GET {target} 404 ({reason}")
    assert f"GET {target} 404\n" not in server.log()


# 3. Validators


def test_the_etag_is_the_digest_of_the_bytes_that_are_sent(
    server: RunningServer, catalog: Path
) -> None:
    for target in ("/update/lamp/c3", "/lamp/lamp-1.0.0_c3.bin"):
        answer = server.get(target)
        assert answer.one("etag") == f'"{hashlib.sha256(answer.body).hexdigest()}"'
        assert len(answer.head) < MAX_IMAGE_HEADER_BYTES
        part = server.get(target, "Range: bytes=10-19")
        assert part.one("etag") == answer.one("etag")
        assert part.all("x-md5") == part.all("x-sha256") == []
        assert server.get(target, method="HEAD").one("etag") == answer.one("etag")


def test_a_gzip_has_an_etag_of_its_own(server: RunningServer, catalog: Path) -> None:
    options = {"product": "packed", "compress": True, "core": "3.1.2"}
    old = release(
        catalog, "1.0.0", "d1", esp8266_image(100_000, seed=20, compressible=True), **options
    )
    release(catalog, "1.1.0", "d1", esp8266_image(100_000, seed=21, compressible=True), **options)
    plain = server.get("/update/packed/d1")
    headers = (
        *ESP8266,
        f"x-ESP8266-sketch-md5: {hashlib.md5(old).hexdigest()}",
        "x-ESP8266-free-space: 900000",
        f"x-ESP8266-sketch-size: {len(old)}",
        "x-ESP8266-chip-size: 4194304",
    )
    packed = server.get("/update/packed/d1", *headers)
    assert packed.body[:2] == b"\x1f\x8b"
    assert packed.one("etag") == f'"{hashlib.sha256(packed.body).hexdigest()}"' != plain.one("etag")


def test_if_none_match(server: RunningServer) -> None:
    etag = server.get("/update/lamp/c3").one("etag")
    for value in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = server.get("/update/lamp/c3", f"If-None-Match: {value}")
        assert (answer.status, answer.body, answer.one("etag")) == (304, b"", etag)
    for value in ('"other"', etag.strip('"'), ""):
        assert server.get("/update/lamp/c3", f"If-None-Match: {value}").status == 200
    # The decision about a device comes first: it runs something else, so it needs the image.
    device = (*UPDATER, "x-ESP32-STA-MAC: 24:0A:C4:00:00:01")
    assert server.get("/update/lamp/c3", *device, f"If-None-Match: {etag}").status == 200
    assert server.logs("304 (the client has it already, by If-None-Match)")


def test_if_match(server: RunningServer) -> None:
    etag = server.get("/update/lamp/c3").one("etag")
    for value in (etag, f'"other", {etag}', "*"):
        assert server.get("/update/lamp/c3", f"If-Match: {value}").status == 200
    for value in ('"other"', f"W/{etag}", ""):
        assert server.get("/update/lamp/c3", f"If-Match: {value}").status == 412


def test_if_range(server: RunningServer) -> None:
    whole = server.get("/update/lamp/c3")
    for value, status in (
        (whole.one("etag"), 206),
        (f"W/{whole.one('etag')}", 200),
        ('"other"', 200),
        ("Tue, 24 Nov 2026 04:16:23 GMT", 200),
    ):
        part = server.get("/update/lamp/c3", "Range: bytes=10-19", f"If-Range: {value}")
        assert part.status == status
        assert part.body == (whole.body[10:20] if status == 206 else whole.body)


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[tuple[RunningServer, Path]]:
    (tmp_path / "catalog").mkdir()
    release(tmp_path / "catalog", "1.0.0", "c3", esp32_image("esp32c3", size=30_000, seed=40))
    with running_server(tmp_path / "catalog", tmp_path) as running:
        yield running, tmp_path / "catalog"


def test_a_download_in_parts_never_mixes_two_releases(moving: tuple[RunningServer, Path]) -> None:
    server, catalog = moving
    url = f"{server.url}/update/lamp/c3"
    etag = server.get("/update/lamp/c3").one("etag")
    versions = iter(range(1, 9))

    def publish(number: int) -> None:
        if number == 2:
            version = next(versions)
            release(
                catalog, f"1.{version}.0", "c3", esp32_image("esp32c3", size=30_000, seed=version)
            )

    undisturbed = EspHttpsOta(url).run()
    assert undisturbed == server.get("/update/lamp/c3").body
    # 1. As it is: the server notices.
    client = EspHttpsOta(url)
    with pytest.raises(RejectedError, match="RANGE_NOT_SATISFIABLE"):
        client.run(publish)
    assert server.logs("416 (the download began with another release)")
    assert undisturbed.startswith(client.image)
    assert client.run() == server.get("/update/lamp/c3").body != undisturbed
    # 2. With If-Match, from the update manifest or an earlier response, the client decides itself.
    with pytest.raises(RejectedError, match="412"):
        EspHttpsOta(url, headers=[f"If-Match: {etag}"]).run()
    # 3. The file's own name keeps its bytes.
    named = f"{server.url}/lamp/lamp-1.0.0_c3.bin"
    assert EspHttpsOta(named).run(publish) == undisturbed
    # 4. A download that goes on after a restart of the device.
    current = server.get("/update/lamp/c3").body
    assert client.resume(current[:5000]) == current
    publish(2)
    for partial in (False, True):
        with pytest.raises(RejectedError, match="RANGE_NOT_SATISFIABLE"):
            client.resume(current[:5000], partial=partial)
