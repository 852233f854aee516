"""The listening socket, the limit of open files, and the kernel's count of a connection."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.server import sockets
from acpublish.server.sockets import SEND_BUFFER_BYTES, acknowledged_bytes, listen


def test_an_accepted_connection_has_a_small_send_buffer() -> None:
    """With the default, which grows to megabytes, an aborted download would look finished."""
    listener = listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            size = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            # Linux doubles the value that is set, for its own bookkeeping (socket(7)).
            assert size in (SEND_BUFFER_BYTES, 2 * SEND_BUFFER_BYTES)


def test_an_accepted_connection_sends_without_delay() -> None:
    """Else the end of a response waits 40 ms for the client's system to acknowledge the rest."""
    listener = listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_every_open_file_may_be_used() -> None:
    """In a process of its own, whose limit is low first."""
    code = (
        "import resource\n"
        "from acpublish.server.sockets import raise_open_files\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))\n"
        "raise_open_files()\n"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    soft, hard = map(int, done.stdout.split())
    assert soft == hard == resource.getrlimit(resource.RLIMIT_NOFILE)[1]


@pytest.mark.parametrize(
    ("bind", "problem"), [("no such host", "it is not an address"), ("192.0.2.1", "port 0: ")]
)
def test_an_address_that_is_not_this_hosts(bind: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as caught:
        listen(bind, 0)
    assert "--bind" in caught.value.hint


def test_a_port_in_use() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=f"on 127.0.0.1 port {port}: address already in"):
            listen("127.0.0.1", port)


def test_without_a_network_the_own_address_is_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> socket.socket:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(sockets.socket, "socket", fail)
    assert sockets.own_address() == "127.0.0.1"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts them")
def test_the_bytes_that_arrived_are_counted() -> None:
    with listen("127.0.0.1", 0) as listener:
        listener.setblocking(True)
        with socket.create_connection(listener.getsockname()) as ours:
            theirs, _ = listener.accept()
            with theirs:
                theirs.sendall(b"x" * 1000)
                assert len(ours.recv(1000, socket.MSG_WAITALL)) == 1000
                assert acknowledged_bytes(theirs) == 1000


def test_what_is_not_a_tcp_socket_counts_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert acknowledged_bytes(ours) is None
    assert acknowledged_bytes(None) is None


@pytest.fixture
def listener() -> Iterator[Callable[[str], Any]]:
    opened = []

    def listen(bind: str) -> Any:
        opened.append(sockets.listen(bind, 0))
        return opened[-1]

    yield listen
    for listener in opened:
        listener.close()


def test_listening_sockets(listener: Callable[[str], Any]) -> None:
    loopback = listener("127.0.0.1")
    assert sockets.url_of(loopback) == f"http://127.0.0.1:{loopback.getsockname()[1]}"
    assert not sockets.reaches_others(loopback)
    everywhere = listener("0.0.0.0")
    assert sockets.reaches_others(everywhere)
    assert not sockets.reaches_others(listener("localhost"))


def test_the_own_address_can_be_listened_on(listener: Callable[[str], Any]) -> None:
    assert listener(sockets.own_address()).getsockname()[0] == sockets.own_address()


def test_the_names_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Pi.fritz.box")
    monkeypatch.setattr(socket, "gethostbyaddr", lambda name: ("Pi.Home", ["updates"], []))
    names = sockets.machine_names.__wrapped__()
    assert names == {"pi", "pi.fritz.box", "pi.local", "pi.home", "updates"}


def test_a_resolver_that_does_not_respond_delays_the_start_only_a_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    responds = threading.Event()

    def wait(name: str) -> None:
        assert responds.wait(10.0)
        raise socket.gaierror

    monkeypatch.setattr(sockets, "_NAMES_WAIT_S", 0.05)
    monkeypatch.setattr(socket, "gethostname", lambda: "pi")
    monkeypatch.setattr(socket, "gethostbyaddr", wait)
    begin = time.monotonic()
    assert sockets.machine_names.__wrapped__() == {"pi", "pi.local"}
    assert time.monotonic() - begin < 5.0
    responds.set()


@pytest.mark.parametrize("bind", ["0.0.0.0", "::"])
def test_the_url_of_all_addresses_can_be_typed(bind: str) -> None:
    try:
        listener = listen(bind, 0)
    except SettingsError:
        pytest.skip("this machine has no IPv6")
    with listener:
        port = listener.getsockname()[1]
        assert sockets.url_of(listener) == f"http://{sockets.own_address()}:{port}"
        reached = sockets.reached_by(listener)
        if bind == "::":
            assert reached is not None
            assert reached.startswith("over IPv6, the server is at http://[")
            assert reached.endswith(f"]:{port}")
        else:
            assert reached is None
        assert sockets.reaches_others(listener)


def test_the_url_of_a_socket_without_ipv4_has_an_address_of_ipv6() -> None:
    try:
        listener = socket.create_server(("::", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener:
        # create_server sets IPV6_V6ONLY, as some systems do for every socket.
        port = listener.getsockname()[1]
        assert sockets.url_of(listener).startswith("http://[")
        assert sockets.url_of(listener).endswith(f"]:{port}")
        assert "[::]" not in sockets.url_of(listener)
        assert sockets.reached_by(listener) is None
        with socket.create_connection(("::1", port), 5):
            pass


def test_a_single_address_is_named_as_such() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert sockets.url_of(listener).startswith("http://127.0.0.1:")
        assert sockets.reached_by(listener) == (
            "only this machine reaches the server; --bind 0.0.0.0 admits others"
        )
    own = sockets.own_address()
    if own == sockets.LOOPBACK:
        pytest.skip("this machine has no other address")
    with listen(own, 0) as listener:
        assert sockets.reached_by(listener) == (
            f"only {own} is served, not localhost or other addresses of this machine; "
            "--bind 0.0.0.0 serves all of them"
        )
