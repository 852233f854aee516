"""PROXY headers: as specified, cut anywhere, and anything else; and who may send them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.errors import SettingsError
from acpublish.server.proxy_header import (
    MAX_BINARY_BYTES,
    MAX_LINE_BYTES,
    Proxies,
    ProxyHeader,
    ProxyHeaderError,
    missing_bytes,
    read_proxy_header,
)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PORTS = st.integers(0, 65535)
#: What may follow a header: the beginning of TLS, of a request, of another header, or anything.
TAILS = st.sampled_from([b"", b"\x16\x03\x01", b"GET / HTTP/1.0\r\n\r\n", b"PROXY ", b"\r\n"])


def binary(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, ProxyHeader]:
    """Draws a header and what it says."""
    version = draw(st.sampled_from([4, 6]))
    client, server = (draw(st.ip_addresses(v=version)) for _ in range(2))
    ports = draw(PORTS), draw(PORTS)
    if draw(st.booleans()):
        data = f"PROXY TCP{version} {client} {server} {ports[0]} {ports[1]}\r\n".encode()
    else:
        more = draw(st.binary(max_size=300))
        addresses = client.packed + server.packed
        addresses += b"".join(port.to_bytes(2, "big") for port in ports)
        data = binary(0x21, 0x11 if version == 4 else 0x21, addresses + more)
    return data, ProxyHeader((str(client), ports[0]), (str(server), ports[1]), len(data))


#: Headers that leave the addresses of the connection as they are.
SILENT = [
    b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
    b"PROXY UNKNOWN anything, as it is ignored\r\n",
    binary(0x20, 0x00, b""),
    binary(0x20, 0x11, bytes(12)),
    binary(0x20, 0x11, b"ignored"),
    binary(0x21, 0x00, b""),
    binary(0x21, 0x10, bytes(12)),
    binary(0x21, 0x12, bytes(12)),
    binary(0x21, 0x22, bytes(36)),
    binary(0x21, 0x31, bytes(216)),
    binary(0x21, 0x32, bytes(220)),
]


@given(headers(), TAILS)
def test_what_follows_a_header_does_not_matter(
    header: tuple[bytes, ProxyHeader], tail: bytes
) -> None:
    data, expected = header
    assert read_proxy_header(data + tail) == expected


@given(headers())
def test_a_header_that_is_cut_anywhere_is_not_complete(header: tuple[bytes, ProxyHeader]) -> None:
    data, _ = header
    for end in range(len(data)):
        assert read_proxy_header(data[:end]) is None
        assert 0 < missing_bytes(data[:end]) <= len(data) - end


@pytest.mark.parametrize("data", SILENT)
def test_a_header_without_addresses_leaves_them(data: bytes) -> None:
    for tail in (b"", b"GET / HTTP/1.0\r\n\r\n"):
        assert read_proxy_header(data + tail) == ProxyHeader(None, None, len(data))
    for end in range(len(data)):
        assert read_proxy_header(data[:end]) is None
        assert 0 < missing_bytes(data[:end]) <= len(data) - end


@given(headers() | st.sampled_from(SILENT).map(lambda data: (data, None)), TAILS, st.data())
def test_reading_what_is_missing_ends_with_the_header(
    header: tuple[bytes, ProxyHeader | None], tail: bytes, drawn: st.DataObject
) -> None:
    stream, data = header[0] + tail, b""
    while missing := missing_bytes(data):
        arrived = drawn.draw(st.integers(1, missing))
        data += stream[len(data) : len(data) + arrived]
    assert data == header[0]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"PROXY\r\n",
        b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        b"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 ::1 ::2 1 2\r\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n",
        b"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY UNKNOWN \n\r\n",
        b"PROXY UNKNOWN " + b"a" * MAX_LINE_BYTES,
        b"PROXY UNKNOWN " + b"a" * (MAX_LINE_BYTES - 15) + b"\r\n",
        SIGNATURE + b"\x11",
        SIGNATURE + b"\x22",
        binary(0x21, 0x41, bytes(300)),
        binary(0x21, 0x13, bytes(12)),
        binary(0x21, 0x11, bytes(11)),
        binary(0x21, 0x21, bytes(35)),
        binary(0x21, 0x31, bytes(215)),
        binary(0x21, 0x11, bytes(MAX_BINARY_BYTES - 15)),
    ],
)
def test_anything_else_is_an_error(data: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        read_proxy_header(data)


def test_the_longest_headers_are_accepted() -> None:
    line = b"PROXY UNKNOWN " + b"a" * (MAX_LINE_BYTES - 16) + b"\r\n"
    assert len(line) == MAX_LINE_BYTES
    assert read_proxy_header(line) == ProxyHeader(None, None, MAX_LINE_BYTES)
    longest = binary(0x21, 0x11, bytes(MAX_BINARY_BYTES - 16))
    assert read_proxy_header(longest) == ProxyHeader(
        ("0.0.0.0", 0), ("0.0.0.0", 0), MAX_BINARY_BYTES
    )


BEGINNINGS = [b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ", SIGNATURE, SIGNATURE + b"\x21\x11"]


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=200))
def test_any_bytes_give_a_header_more_to_read_or_one_error(begin: bytes, rest: bytes) -> None:
    data = begin + rest
    try:
        header = read_proxy_header(data)
    except ProxyHeaderError:
        return
    if header is None:
        assert len(data) < MAX_BINARY_BYTES
        assert missing_bytes(data) > 0
    else:
        assert 0 < header.size <= len(data)
        # Whatever the header is made of, each of its beginnings waits for the rest.
        assert all(read_proxy_header(data[:end]) is None for end in range(header.size))


def test_proxies_are_addresses_and_networks() -> None:
    proxies = Proxies(["127.0.0.1", "192.0.2.0/24", "2001:db8::/32", "10.1.2.3/8"])
    assert proxies
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "192.0.2.255", "2001:db8::7", "10.9.9.9"):
        assert proxies.has(address), address
    for address in ("127.0.0.2", "192.0.3.0", "2001:db9::", "::1", "fe80::1%eth0", None):
        assert not proxies.has(address), address


def test_without_proxies_nobody_is_one() -> None:
    proxies = Proxies()
    assert not proxies
    assert not proxies.has("127.0.0.1")


@given(st.ip_addresses())
def test_every_address_can_be_a_proxy(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert Proxies([str(address)]).has(str(address)) or address in ipaddress.ip_network(
        "::ffff:0:0/96"
    )


@pytest.mark.parametrize("text", ["", "proxy.example.com", "192.0.2", "192.0.2.0/33", "localhost"])
def test_a_peer_that_is_no_address_is_a_settings_error(text: str) -> None:
    with pytest.raises(SettingsError, match="neither an address nor a network") as caught:
        Proxies([text])
    assert "127.0.0.1" in str(caught.value.hint)
