"""Device credentials of a real server, on both loops: set, changed and revoked while it runs."""

from __future__ import annotations

import base64
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import acpublish
from acpublish.doctor.findings import State
from acpublish.doctor.live_server import check_server
from acpublish.errors import AuthenticationError
from acpublish.server.device_access_file import FILE, DeviceAccessStore
from tests.support.images import esp32_image
from tests.support.loops import LOOPS, server_on
from tests.support.server import (
    PATIENCE_S,
    Answer,
    RunningServer,
    read_all,
    read_answer,
    running_server,
)

ADDRESS = b"/update/lamp/c3"


@pytest.fixture(scope="module", params=LOOPS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningServer, DeviceAccessStore]]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "catalog").mkdir()
    (folder / "image.bin").write_bytes(esp32_image("esp32c3", seed=5))
    for product in ("lamp", "plug"):
        acpublish.publish(
            folder / "image.bin",
            to=str(folder / "catalog"),
            product=product,
            version="1.0.0",
            board="c3",
        )
    with server_on(request.param, folder / "catalog", folder) as server:
        yield server, DeviceAccessStore(folder / "state")


@pytest.fixture
def site(
    running: tuple[RunningServer, DeviceAccessStore],
) -> Iterator[tuple[RunningServer, DeviceAccessStore]]:
    """The server and the store, with all images open again after the test, however it ends."""
    yield running
    server, store = running
    # Changes are noticed in their order: when the last one is, all are.
    path, _ = store.create_path(["lamp"])
    for product in {entry.product for entry in store.all().credentials}:
        store.revoke_credentials(product, None, opens=True)
    below = path.encode() + ADDRESS
    becomes(lambda: server.get(below).status, 200)
    for stored in store.all().paths:
        store.revoke_path(stored.id)
    becomes(lambda: server.get(below).status, 404)


def basic(user: str, password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def device(target: bytes, *headers: str, mac: int = 1, version: str = "1.0.0") -> bytes:
    """Returns the request of a device that runs a version."""
    lines = (
        *("Host: localhost", "User-Agent: ESP32-http-Update"),
        *headers,
        *(f"x-ESP32-STA-MAC: 24:0A:C4:00:00:{mac:02X}", "x-ESP32-mode: sketch"),
        f"x-ESP32-version: {version}",
    )
    return b"GET " + target + b" HTTP/1.1\r\n" + "\r\n".join((*lines, "", "")).encode()


def exchange(connection: socket.socket, raw: bytes) -> int:
    connection.sendall(raw)
    return read_answer(connection).status


def becomes(ask: Callable[[], int], status: int) -> None:
    """Waits until the server has noticed a change, which takes a tenth of a second."""
    end = time.monotonic() + PATIENCE_S
    while (current := ask()) != status:
        assert time.monotonic() < end, (current, status)
        time.sleep(0.02)


def test_no_remembered_answer_reaches_anyone_without_credentials(
    site: tuple[RunningServer, DeviceAccessStore],
) -> None:
    """On connections that stay open, with heads that are the same but for the MAC address."""
    server, store = site
    plain = device(ADDRESS)
    with server.connect() as connection:

        def status(*headers: str, target: bytes = ADDRESS, mac: int = 1) -> int:
            try:
                return exchange(connection, device(target, *headers, mac=mac))
            except (AssertionError, OSError):
                return 0

        def fresh(*headers: str, target: bytes = ADDRESS, mac: int = 1) -> int:
            with server.connect() as other:
                return exchange(other, device(target, *headers, mac=mac))

        assert [exchange(connection, plain) for _ in range(3)] == [304] * 3
        # Set.
        store.set_credentials("lamp", "fleet", "s3cret")
        becomes(fresh, 401)
        assert status() == 401
        right, wrong = basic("fleet", "s3cret"), basic("fleet", "guess")
        assert [fresh(right, mac=n) for n in range(3)] == [304] * 3
        assert [fresh(wrong, mac=n) for n in range(3)] == [401] * 3
        assert [fresh(mac=n) for n in range(3)] == [401] * 3
        assert fresh(right, right) == 401
        # Changed.
        store.set_credentials("lamp", "fleet", "changed")
        becomes(lambda: fresh(right), 401)
        assert fresh(basic("fleet", "changed")) == 304
        # A second user, then the first one's are revoked.
        store.set_credentials("lamp", "second", "other")
        becomes(lambda: fresh(basic("second", "other")), 304)
        assert fresh(basic("fleet", "changed")) == 304
        store.revoke_credentials("lamp", "fleet", opens=False)
        becomes(lambda: fresh(basic("fleet", "changed")), 401)
        assert fresh(basic("second", "other")) == 304
        # A secret path.
        path, stored = store.create_path(["lamp"])
        below = path.encode() + ADDRESS
        becomes(lambda: fresh(target=below), 304)
        assert [fresh(target=below, mac=n) for n in range(3)] == [304] * 3
        assert fresh() == 401
        store.revoke_path(stored.id)
        becomes(lambda: fresh(target=below), 404)
        # Open again.
        assert fresh() == 401
        store.revoke_credentials("lamp", None, opens=True)
        becomes(fresh, 304)


def test_what_the_log_shows(site: tuple[RunningServer, DeviceAccessStore]) -> None:
    server, store = site
    store.set_credentials("lamp", "fleet-user", "s3cret-word")
    path, _ = store.create_path(["lamp"], "attic")
    digits = path[3:]
    becomes(lambda: server.get(path.encode() + ADDRESS).status, 200)
    right = basic("fleet-user", "s3cret-word")
    encoded = right.split()[-1]
    assert server.get(ADDRESS, right).status == 200
    for headers in ((), (basic("fleet-user", "almost-s3cret-word"),), (right, right)):
        assert server.get(ADDRESS, *headers).status == 401
    for target in (
        f"{path}/lamp/none.bin",
        f"/u/{digits.upper()}/update/lamp/c3",
        f"/_catalog?op=list&path={path}",
        f"/_catalog?op=list&path=%2Fu%2F{digits}",
        f"{path}/_catalog?op=list&path=u/{digits}/",
        f"//u/{digits}/x",
        f"/%75/{digits}/x",
        f"/u/{digits[:-1]}/x",
        f"/u/%{ord(digits[0]):x}{digits[1:]}/x",
        f"http://localhost{path}/x",
        f"{path[1:]}{ADDRESS.decode()}",
        f"{path}/{'x' * 2000}",
    ):
        server.get(target)
    server.ask(device(path.encode() + ADDRESS, "Connection: close"))
    server.send(
        b"POST " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
        b"Connection: close\r\n\r\n"
    )
    log = server.log_so_far()
    assert f"/u/{digits[:6]}.../update/lamp/c3 200" in log
    assert f"path=/u/{digits[:6]}... 200" in log
    assert digits[7:20] not in log.lower()
    for secret in ("fleet-user", "s3cret-word", encoded, "Authorization", "Basic"):
        assert secret not in log
    assert "401 (device credentials are missing)" in log
    assert "401 (device credentials are wrong)" in log
    # Once a minute, however many there are.
    for reason in ("missing", "wrong"):
        assert 1 <= log.count(f"refused: device credentials are {reason}") <= 3
    assert 1 <= log.count("refused: it is not a secret path of this server") <= 3


def test_guesses_and_malformed_headers(site: tuple[RunningServer, DeviceAccessStore]) -> None:
    """None gets an image, none an error of the server, and the others are served meanwhile."""
    server, store = site
    store.set_credentials("lamp", "fleet", "s3cret")
    path, _ = store.create_path(["lamp"])
    becomes(lambda: server.get(path.encode() + ADDRESS).status, 200)
    right = basic("fleet", "s3cret")
    value = right.partition(": ")[2]
    file = re.findall(
        rb'"(lamp/[^"]*bin)"',
        server.get("/_catalog?op=list&path=.", "User-Agent: ESP32HTTPClient").body,
    )[0]
    guesses = [
        b"/u/" + b"0" * 32 + ADDRESS,
        path.encode()[:-1] + ADDRESS,
        path.encode() + b"0" + ADDRESS,
        path.encode() + b"/.." + path.encode() + ADDRESS,
        b"/u/../update/lamp/c3",
        b"/u//update/lamp/c3",
        b"/u/%2e%2e/" + file,
        path.encode() + path.encode() + ADDRESS,
        b"/U" + path.encode()[2:] + ADDRESS,
        b"/" + file + b"%00",
        b"/./" + file,
        b"/x/../" + file,
        b"http://localhost/" + file,
        b"//localhost/" + file,
        file + b"#",
        b"/" + file.replace(b"a", b"%61"),
        b"/" + file + b"?u=/u/" + b"0" * 32,
        b"/\xff/../" + file,
    ]
    for target in guesses:
        for raw in (
            b"GET %s HTTP/1.0\r\n\r\n",
            b"HEAD %s HTTP/1.0\r\n\r\n",
            b"GET %s HTTP/1.0\r\nContent-Length: 1\r\n\r\nx",
        ):
            answer = server.ask(raw % target)
            assert answer.status in (400, 401, 404), (target, answer)
            assert not answer.all("x-md5")
    headers = [
        *("Authorization:", "Authorization: Basic", "Authorization: " + "A" * 12_000),
        *(
            f"Authorization: {value}, {value}",
            f"Authorization:\t{value}x",
            f"Authorization: {value[:-2]}",
        ),
        *("Authorization: Basic " + "QUJD" * 3000, f"Authorization: bearer {value}"),
        *(f"Proxy-Authorization: {value}", f"X-{right}", f"{right}\r\n{right}"),
        "Authorization: Basic " + base64.b64encode(b"fleet:s3cret\0").decode(),
        "Authorization: Basic " + base64.b64encode(b"Fleet:s3cret").decode(),
        "Range: bytes=0-9",
        "If-None-Match: *",
        "x-ESP32-mode: version",
    ]
    for header in headers:
        assert server.get(ADDRESS, header).status == 401, header[:60]
    folded = server.ask(
        b"GET "
        + ADDRESS
        + b" HTTP/1.0\r\nAuthorization: Basic\r\n "
        + value[6:].encode()
        + b"\r\n\r\n"
    )
    assert folded.status == 400
    assert server.get(ADDRESS, f"aUTHORIZATION:   {value}  ").status == 200
    assert server.get(path[1:].encode() + b"/" + file).status == 200
    assert server.get(ADDRESS.replace(b"lamp", b"plug")).status == 200
    assert not re.search(r"Traceback| 50[0-2] ", server.log_so_far())


def test_a_flood_of_guesses_keeps_nobody_out(
    site: tuple[RunningServer, DeviceAccessStore],
) -> None:
    server, store = site
    store.set_credentials("lamp", "fleet", "s3cret")
    becomes(lambda: server.get(ADDRESS).status, 401)
    assert server.get(ADDRESS, basic("fleet", "s3cret")).status == 200
    statuses: list[int] = []

    def guess(number: int) -> None:
        for turn in range(2):
            statuses.append(server.get(ADDRESS, basic("fleet", f"{number}-{turn}")).status)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    served: list[Answer] = []
    while any(thread.is_alive() for thread in threads):
        served.append(server.get(ADDRESS, basic("fleet", "s3cret")))
        served.append(server.get(ADDRESS.replace(b"lamp", b"plug")))
    for thread in threads:
        thread.join()
    assert {answer.status for answer in served} == {200}
    assert set(statuses) <= {401, 503}
    assert 401 in statuses


def test_an_image_that_began_under_other_rules_ends_well(
    site: tuple[RunningServer, DeviceAccessStore],
) -> None:
    server, store = site
    with server.connect() as connection:
        connection.sendall(device(ADDRESS, "Connection: close", version="0.9.0"))
        begun = connection.recv(100)
        store.set_credentials("lamp", "fleet", "s3cret")
        becomes(lambda: server.get(ADDRESS).status, 401)
        answer = Answer.parse(begun + read_all(connection))
    assert len(answer.body) == int(answer.one("content-length"))


def test_what_people_are_told_who_lack_the_credentials(
    site: tuple[RunningServer, DeviceAccessStore], tmp_path: Path
) -> None:
    server, store = site
    for product in ("lamp", "plug"):
        store.set_credentials(product, "fleet", "s3cret")
    becomes(lambda: server.get(ADDRESS.replace(b"lamp", b"plug")).status, 401)
    with_them = server.url.replace("://", "://fleet:s3cret@")
    image = [finding for finding in check_server(server.url) if finding.name == "image"]
    assert [finding.state for finding in image] == [State.WARNING]
    assert "needs device credentials" in image[0].what
    image = [finding for finding in check_server(with_them) if finding.name == "image"]
    assert [finding.state for finding in image] == [State.OK]
    file = "lamp/lamp-1.0.0_c3.bin"
    with pytest.raises(AuthenticationError) as error:
        acpublish.UpdateServer(server.url).download(file, tmp_path / "none.bin")
    assert "USER:PASSWORD@HOST" in (error.value.hint or "")
    acpublish.UpdateServer(with_them).download(file, tmp_path / "image.bin")
    assert (tmp_path / "image.bin").stat().st_size > 0
    assert not (tmp_path / "none.bin").exists()


def test_a_server_does_not_start_with_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE).write_text("{")
    command = (sys.executable, "-m", "acpublish", "serve", "--bind", "127.0.0.1", "--port", "0")
    done = subprocess.run(
        [*command, "--to", str(tmp_path / "catalog"), "--state", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "the file is damaged. Restore it from a backup." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_u_is_served_while_there_are_no_credentials(tmp_path: Path) -> None:
    (tmp_path / "catalog" / "u").mkdir(parents=True)
    (tmp_path / "catalog" / "u" / "notes.txt").write_text("release notes\n")
    store = DeviceAccessStore(tmp_path / "state")
    with running_server(tmp_path / "catalog", tmp_path) as server:
        # It is served once it has been left alone for a moment.
        becomes(lambda: server.get("/u/notes.txt").status, 200)
        _, stored = store.create_path(["lamp"])
        becomes(lambda: server.get("/u/notes.txt").status, 404)
        store.revoke_path(stored.id)
        becomes(lambda: server.get("/u/notes.txt").status, 200)
        assert server.get("/u/none").status == 404
