"""The five ways to a server: direct, and through nginx and HAProxy, as TCP and as HTTP.

The proxies let through whatever they can be made to, and log what they forwarded.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.peers import STREAM_MODULE, free_port, http, nginx_with, tool
from bench.report import BenchError, Unavailable
from tests.support.server import RunningServer

_START_S = 10.0
_NGINX_TCP = """\
stream {{ server {{
  listen 127.0.0.1:{port} backlog=2048; proxy_pass 127.0.0.1:{server}; proxy_half_close on;
}} }}
"""
# What it buffers, it makes new; so it passes bodies on as they come.
_NGINX_HTTP = """\
log_format forwarded escape=json '$request|$upstream_addr|$upstream_status';
underscores_in_headers on;
ignore_invalid_headers off;
upstream updates {{ server 127.0.0.1:{server}; keepalive 16; }}
server {{
  listen 127.0.0.1:{port} backlog=2048;
  client_header_timeout 3s; client_body_timeout 3s; lingering_timeout 1s; keepalive_timeout 3s;
  location / {{
    access_log {prefix}/access.log forwarded;
    proxy_pass http://updates;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_request_buffering off;
    proxy_ignore_client_abort on;
    proxy_next_upstream off;
    proxy_read_timeout 5s;
  }}
}}
"""
_HAPROXY = """\
global
  maxconn 4000
  log stdout len 16384 format raw local0
defaults
  mode {mode}
  timeout connect 5s
  timeout client 3s
  timeout server 5s
  timeout http-request 3s
  retries 0
frontend devices
  bind 127.0.0.1:{port} backlog 2048
{frontend}
  default_backend updates
backend updates
{backend}
  server updates 127.0.0.1:{server}
"""
_HAPROXY_FRONTEND = """\
  option accept-invalid-http-request
  log global
  log-format "%r|%s|%ST"
"""
_FORWARDED = re.compile(
    r"/m/(?P<case>[A-Z]\d{6})-(?P<number>\d).*\|(?P<to>[^|]*)\|(?P<status>[^|]*)$"
)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to a server.

    Attributes:
        name: What it is called.
        letter: With which the names of its cases begin.
        port: Where it begins.
        parses: Whether what is in between reads HTTP.
        forwarded: Returns the lines about what was forwarded, after the end.
    """

    name: str
    letter: str
    port: int
    parses: bool = False
    forwarded: Callable[[], list[str]] = list


@contextlib.contextmanager
def ways_to(server: RunningServer, tmp: Path) -> Iterator[list[Way]]:
    """Runs the proxies.

    Raises:
        Unavailable: One of them is not installed.
    """
    if not STREAM_MODULE.exists():
        raise Unavailable(
            "nginx has no stream module (Debian: apt-get install libnginx-mod-stream)"
        )
    port = server.port
    with contextlib.ExitStack() as stack:
        tcp, web = free_port(), free_port()
        block = _NGINX_TCP.format(port=tcp, server=port)
        stack.enter_context(nginx_with(block, tcp, tmp / "stream", load=[STREAM_MODULE]))
        prefix = tmp / "http"
        block = http(_NGINX_HTTP.format(port=web, server=port, prefix=prefix), prefix)
        stack.enter_context(nginx_with(block, web, prefix))
        other_tcp = stack.enter_context(_haproxy("tcp", port, tmp))
        other_web = stack.enter_context(_haproxy("http", port, tmp))
        yield [
            Way("direct", "D", port),
            Way("nginx stream", "S", tcp),
            Way("HAProxy tcp", "T", other_tcp),
            Way("nginx http", "N", web, True, _lines_of(prefix / "access.log")),
            Way("HAProxy http", "H", other_web, True, _lines_of(tmp / "haproxy-http.log")),
        ]


def _lines_of(log: Path) -> Callable[[], list[str]]:
    # Other ends of lines may be part of one.
    return lambda: log.read_text("latin-1").split("\n")


@contextlib.contextmanager
def _haproxy(mode: str, server: int, tmp: Path) -> Iterator[int]:
    """Runs HAProxy in front of a port, and yields its own."""
    program, port = tool("haproxy", "haproxy"), free_port()
    parses = mode == "http"
    config, log = tmp / f"haproxy-{mode}.cfg", tmp / f"haproxy-{mode}.log"
    text = _HAPROXY.format(
        mode=mode,
        port=port,
        server=server,
        frontend=_HAPROXY_FRONTEND if parses else "",
        backend="  http-reuse always" if parses else "",
    )
    config.write_text(text)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "-db", "-f", str(config)], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(process, port, log)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(_START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise BenchError(f"HAProxy did not start: {log.read_text('latin-1')}")


def forwarded_of(way: Way) -> dict[str, list[tuple[int, int]]]:
    """Returns the requests that a proxy forwarded, by case: their numbers, and their statuses."""
    forwarded: dict[str, list[tuple[int, int]]] = {}
    for line in way.forwarded():
        match = _FORWARDED.search(line)
        # nginx leaves the address empty, and HAProxy names no server.
        if match and match["to"] not in ("", "-", "<NOSRV>"):
            status = int(match["status"]) if match["status"].isdigit() else 0
            forwarded.setdefault(match["case"], []).append((int(match["number"]), status))
    return forwarded
