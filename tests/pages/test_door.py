"""Which requests get the page, from the socket on: all others get what they got before."""

from __future__ import annotations

import pytest

from tests.support.page_site import PageServer
from tests.support.server import read_answer

BROWSER = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
NOT_THERE = b"There is nothing at this address.\n"


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("Accept: */*",),
        ("Accept: application/json",),
        (BROWSER, "User-Agent: ESP8266-http-Update", "x-ESP8266-STA-MAC: 5C:CF:7F:00:00:01"),
        (BROWSER, "x-ESP32-mode: sketch"),
        (BROWSER, "User-Agent: ESP32HTTPClient"),
    ],
)
def test_the_root_is_as_before_for_all_others(
    fleet_server: PageServer, headers: tuple[str, ...]
) -> None:
    answer = fleet_server.server.get("/", *headers)
    assert (answer.status, answer.body) == (404, NOT_THERE)
    assert [name for name, _ in answer.headers] == [
        "content-type",
        "content-length",
        "date",
        "connection",
    ]


def test_the_root_is_the_page_for_a_browser(fleet_server: PageServer) -> None:
    for target in ("/", "/?a=b"):
        answer = fleet_server.server.get(target, BROWSER)
        assert answer.status == 200, target
        assert answer.one("content-type") == "text/html; charset=utf-8"
        assert answer.one("content-security-policy").startswith("default-src 'none'; ")
    head = fleet_server.server.get("/", BROWSER, method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_folders_of_the_catalog_are_not_hidden(fleet_server: PageServer) -> None:
    server = fleet_server.server
    for path in ("/_catalog?op=list&path=/lamp", "/_catalog", "/lamp", "/lamp/lamp-1.0.0_c3.bin"):
        answer, before = server.get(path, BROWSER), server.get(path)
        assert (answer.status, answer.body) == (before.status, before.body), path
    assert server.get("/_x/", BROWSER).body == NOT_THERE


def test_a_device_goes_on_with_the_connection_of_a_page(fleet_server: PageServer) -> None:
    with fleet_server.server.connect() as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\n{BROWSER}\r\n\r\n".encode())
        assert read_answer(connection).status == 200
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(connection).body == NOT_THERE


def test_a_target_that_parsers_disagree_on_is_refused(fleet_server: PageServer) -> None:
    assert fleet_server.server.get(b"/_/a b").status == 400
    assert fleet_server.server.get(b"/_/\xff").status == 400
