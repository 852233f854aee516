"""The servers that ours is compared with, and ab as the clients.

nginx gets one worker, sendfile, no access log, a free port of 127.0.0.1 and a directory for all
files that it writes. The others are modules of Python. Every process is ended by its id.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.report import BenchError, Unavailable

#: The module with which nginx passes TCP through, in Debian.
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

_ROOT = Path(__file__).resolve().parents[1]
_START_S = 10.0
_ROUND_S = 60.0

_NGINX = """\
{modules}
{user}
daemon off;
worker_processes 1;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log crit;
events {{ worker_connections 4096; }}
"""
_HTTP = """\
http {{
  access_log off;
  sendfile on;
  default_type application/octet-stream;
  client_body_temp_path {prefix}/body;
  proxy_temp_path {prefix}/proxy;
  fastcgi_temp_path {prefix}/fastcgi;
  uwsgi_temp_path {prefix}/uwsgi;
  scgi_temp_path {prefix}/scgi;
{servers}
}}
"""
_FILES = """\
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    root {root};
    location = /up-to-date {{ return 304; }}
  }}
"""


def tool(name: str, package: str) -> str:
    """Returns the path of a program.

    Raises:
        Unavailable: It is not installed.
    """
    # Debian installs nginx in a directory that is only in root's PATH.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    program = shutil.which(name, path=path)
    if program is None:
        raise Unavailable(f"{name} is not installed (Debian: apt-get install {package})")
    return program


@contextlib.contextmanager
def nginx(root: Path, prefix: Path) -> Iterator[str]:
    """Runs nginx over a directory; its URL ``/up-to-date`` returns 304.

    Args:
        root: What it serves.
        prefix: A directory for its own files; created if it is missing.

    Yields:
        Its URL.
    """
    port = free_port()
    with nginx_with(http(_FILES.format(port=port, root=root), prefix), port, prefix) as url:
        yield url


def http(servers: str, prefix: Path) -> str:
    """Returns nginx's http block with servers in it."""
    return _HTTP.format(servers=servers, prefix=prefix)


@contextlib.contextmanager
def nginx_with(blocks: str, port: int, prefix: Path, *, load: Sequence[Path] = ()) -> Iterator[str]:
    """Runs nginx with blocks of its configuration.

    Args:
        blocks: The configuration after the general part.
        port: The port that they listen on.
        prefix: A directory for its own files; created if it is missing.
        load: Modules that the blocks need.

    Yields:
        Its URL.
    """
    program = tool("nginx", "nginx-light")
    prefix.mkdir(parents=True, exist_ok=True)
    # The workers of root's nginx would otherwise run as a user who cannot read temporary files.
    user = "user root;" if os.geteuid() == 0 else ""
    config = prefix / "nginx.conf"
    modules = "\n".join(f"load_module {module};" for module in load)
    config.write_text(_NGINX.format(modules=modules, user=user, prefix=prefix) + blocks)
    command = [program, "-p", str(prefix), "-c", str(config), "-e", str(prefix / "error.log")]
    with _running(command, port, prefix / "output"):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def python_module(prefix: Path, module: str, *options: str) -> Iterator[tuple[str, int]]:
    """Runs a module of Python that listens on the port that is its last argument.

    Args:
        prefix: A directory for its output.
        module: Its name.
        options: Its other arguments.

    Yields:
        Its URL and the id of its process.
    """
    port = free_port()
    prefix.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, *options, str(port)]
    with _running(command, port, prefix / f"{module}.log") as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextlib.contextmanager
def _running(command: Sequence[str], port: int, output: Path) -> Iterator[int]:
    """Runs a server whose output goes to a file, waits until it listens, and yields its id."""
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=_ROOT)
    try:
        _wait_for(process, port, output)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Returns a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise BenchError(f"{process.args!r} did not start: {output.read_text().strip()}")


def rate(
    url: str,
    *,
    requests: int,
    concurrency: int,
    headers: Sequence[str] = (),
    status: int = 200,
    size: int | None = None,
) -> float:
    """Measures one URL with ab, in HTTP/1.0 with a connection for each request.

    Args:
        url: The URL.
        requests: How many requests.
        concurrency: How many of them at the same time.
        headers: Further headers.
        status: The status that every response must have: 200 or 304.
        size: The size that every body must have.

    Returns:
        Requests per second.

    Raises:
        BenchError: A response was different.
    """
    options = [option for header in headers for option in ("-H", header)]
    counts = ("-n", str(requests), "-c", str(min(concurrency, requests)))
    done = subprocess.run(
        [tool("ab", "apache2-utils"), "-q", *counts, *options, url],
        capture_output=True,
        text=True,
        timeout=_ROUND_S,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"ab failed at {url}: {done.stderr.strip()}")
    results = {key: float(value) for key, value in _FIGURE.findall(done.stdout)}
    others = requests if status != 200 else 0
    expected = {
        "Complete requests": requests,
        "Failed requests": 0,
        "Non-2xx responses": others,
        "Document Length": size if size is not None else results.get("Document Length", 0),
    }
    for key, value in expected.items():
        if results.get(key, 0) != value:
            raise BenchError(f"{key} at {url}: {results.get(key, 0):g} instead of {value}")
    return results["Requests per second"]


#: A line of ab's output with a number. The host's address begins like one, but does not match.
_FIGURE = re.compile(r"^([A-Z][^:\n]*): +(\d+(?:\.\d+)?)(?=\s)", re.MULTILINE)
