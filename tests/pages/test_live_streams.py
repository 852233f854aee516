"""The stream of a page that is open: through a real server, raw and in a browser."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acpublish.server.token_file import TokenStore
from tests.support.browser import Watched
from tests.support.fleet_devices import FleetDevice
from tests.support.page_site import PageServer
from tests.support.server import PATIENCE_S
from tests.support.tokens import create_token

MANY = 40


@pytest.fixture(scope="module")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with PageServer.running(tmp_path_factory.mktemp("live"), devices=3) as server:
        yield server


def stream(served: PageServer, topic: str = "overview", cookie: str = "") -> socket.socket:
    """Opens a stream, and returns its connection after the head and the first lines."""
    connection = served.server.connect()
    head = (
        f"GET /_/live?topic={topic} HTTP/1.1",
        # The names of cookies have the port.
        f"Host: localhost:{served.server.port}",
        f"Cookie: {cookie}",
    )
    connection.sendall("\r\n".join((*head, "", "")).encode())
    received = b""
    while b"retry:" not in received:
        part = connection.recv(4096)
        assert part, received
        received += part
    assert received.startswith(b"HTTP/1.1 200 "), received
    assert b"text/event-stream" in received
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    """Returns the rest of a stream that ends."""
    connection.settimeout(PATIENCE_S)
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
        if part.endswith(b"0\r\n\r\n"):
            break
    return b"".join(parts)


def sign_in(served: PageServer, token: str) -> str:
    """Signs in as a browser does, and returns the cookie."""
    with contextlib.closing(
        http.client.HTTPConnection(served.server.host, served.server.port)
    ) as connection:
        return _signed_in(connection, token)


def _signed_in(connection: http.client.HTTPConnection, token: str) -> str:
    connection.request("GET", "/_/sign-in")
    response = connection.getresponse()
    page = response.read().decode()
    visit = response.getheader("set-cookie", "").partition(";")[0]
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    connection.request(
        "POST",
        "/_/sign-in",
        body=f"csrf={csrf}&token={token}",
        headers={"Cookie": visit, "Content-Type": "application/x-www-form-urlencoded"},
    )
    response = connection.getresponse()
    response.read()
    assert response.status == 303, response.status
    cookies = response.headers.get_all("set-cookie") or []
    return next(cookie for cookie in cookies if "session" in cookie).partition(";")[0]


def test_a_stream_tells_what_changes(live_server: PageServer) -> None:
    with stream(live_server) as connection:
        connection.settimeout(PATIENCE_S)
        first = connection.recv(65536)
        assert b"event: counts\n" in first
        assert b">2<" in first
        live_server.site.publish("1.2.0")
        while b">3<" not in first:
            part = connection.recv(65536)
            assert part
            first += part


def test_many_streams_leave_room_for_the_api_and_devices(live_server: PageServer) -> None:
    streams = [stream(live_server) for _ in range(MANY)]
    try:
        for _ in range(20):
            assert live_server.server.get("/api/v1/products").status == 200
            assert live_server.devices[0].ask(live_server.server).status in (200, 304)
    finally:
        for connection in streams:
            connection.close()


def test_what_cannot_be_watched(live_server: PageServer) -> None:
    assert live_server.server.get("/_/live?topic=nothing").status == 404
    assert live_server.server.get("/_/live").status == 404
    head = live_server.server.get("/_/live?topic=overview", method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_a_stream_ends_with_its_session(live_server: PageServer) -> None:
    """A touch is enough for the server to look."""
    state = live_server.site.state
    cookie = sign_in(live_server, create_token(state, read=True, name="watcher"))
    with stream(live_server, "fleet", cookie) as connection:
        TokenStore(state).revoke("watcher")
        live_server.check_in()
        assert read_to_end(connection).endswith(b"0\r\n\r\n")
    assert live_server.server.get("/_/live?topic=fleet").status == 303


def test_the_end_of_the_server_does_not_wait_for_those_who_watch(tmp_path: Path) -> None:
    with PageServer.running(tmp_path, "--grace", "60") as served:
        connections = [stream(served) for _ in range(5)]
        began = time.monotonic()
        served.server.signal(signal.SIGTERM)
        for connection in connections:
            assert b"0\r\n\r\n" in read_to_end(connection)
            connection.close()
        assert served.server.wait() == 0
        # Far less than the grace time, even on a machine with much else to do.
        assert time.monotonic() - began < 30
        assert "broke off" not in served.server.log()
        assert "Exception" not in served.server.log()


def test_a_browser_shows_what_changes(
    watch: Callable[..., Watched], live_server: PageServer
) -> None:
    watched = watch(live_server.server)
    page = watched.sign_in(live_server.token)
    figure = page.locator(".tile", has_text="Devices").locator(".tile-figure")
    before = figure.inner_text()
    live_server.devices.append(FleetDevice(200, live_server.site.images["1.0.0"]))
    live_server.check_in()
    tile = page.locator(".tile", has_text="Devices")
    tile.locator(".tile-figure", has_text=str(int(before) + 1)).wait_for()
    watched.check()


def test_a_page_leaves_alone_what_somebody_uses_and_a_tab_that_is_hidden_rests(
    watch: Callable[..., Watched], live_server: PageServer
) -> None:
    watched = watch(live_server.server)
    page = watched.page
    page.clock.install()
    watched.sign_in(live_server.token)
    check_ins = page.locator("section", has=page.locator("#check-ins-title"))

    def visit(number: int) -> str:
        """Lets a new device check in, and returns what the page calls it."""
        device = FleetDevice(number, live_server.site.images["1.0.0"])
        live_server.devices.append(device)
        device.ask(live_server.server)
        return device.mac

    check_ins.get_by_text(visit(300)).first.wait_for()
    page.get_by_role("link", name="All rollouts").focus()
    page.keyboard.press("Tab")
    link = check_ins.get_by_role("link").first
    assert link.evaluate("link => link.matches(':focus-visible')")
    mac = visit(301)
    # The part beside it, which nobody uses, is sent after it.
    page.locator("section", has=page.locator("#news-title")).get_by_text(mac).wait_for()
    assert link.evaluate("link => link === document.activeElement")
    assert check_ins.get_by_text(mac).count() == 0
    page.locator("body").evaluate("() => document.activeElement.blur()")
    check_ins.get_by_text(mac).first.wait_for()

    hide = """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    page.clock.fast_forward(30_000)
    mac = visit(302)
    with stream(live_server, "overview") as connection:
        # By then, whoever watches has what is new.
        connection.recv(65536)
    assert check_ins.get_by_text(mac).count() == 0
    page.route("**/_/live*", lambda route: route.fulfill(status=404))
    page.evaluate(hide, False)
    page.clock.fast_forward(9_000)
    page.get_by_text("This page does not update itself").wait_for()
    watched.check()
    page.unroute("**/_/live*")
    page.clock.fast_forward(60_000)
    check_ins.get_by_text(mac).first.wait_for()
    page.get_by_text("This page does not update itself").wait_for(state="hidden")


def test_the_three_steps_give_way_to_a_first_release(
    watch: Callable[..., Watched], tmp_path: Path
) -> None:
    with PageServer.running(tmp_path) as served:
        page = watch(served.server).go("/")
        page.get_by_role("heading", name="Three steps").wait_for()
        served.site.publish("1.0.0")
        page.get_by_role("heading", name="Overview").wait_for()
