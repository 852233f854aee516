"""Responses per second compared with other servers: images, up-to-date checks, lists.

Each round measures all sides one after the other; a ratio is the median of the rounds' ratios, so a
machine that gets slower or busier meanwhile slows down all of them. Ours writes its access log.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.catalogs import AUTOMATIC, IMAGE_BYTES, copy_many, publish_image, publish_many
from bench.devices import ask, device_headers
from bench.peers import nginx, python_module, rate, tool
from bench.processes import cpu_s, resident_kb
from bench.report import BenchError, Goal, Report, figure, spread
from bench.scale import Scale
from tests.support.server import RunningServer, running_command, running_server

_NGINX = "nginx"
_UVICORN = "uvicorn, a constant 304"
_UP_TO_DATE = "/up-to-date"
#: The server as it runs where uvloop cannot be installed.
_WITHOUT_UVLOOP = """\
import sys
sys.modules["uvloop"] = None
from acpublish.cli import main
sys.exit(main())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One side of a comparison: whom it asks what, how often, and what the response must be.

    Attributes:
        url: The URL.
        pid: The server's process.
        requests: The requests of one round.
        headers: Their headers.
        status: The status of each response.
        size: The size of each body.
    """

    url: str
    pid: int
    requests: int
    headers: tuple[str, ...] = ()
    status: int = 200
    size: int | None = None

    def rate(self, requests: int, concurrency: int) -> float:
        """Returns the responses per second."""
        return rate(
            self.url,
            requests=requests,
            concurrency=concurrency,
            headers=self.headers,
            status=self.status,
            size=self.size,
        )


class _Rounds:
    """What the sides did in alternating rounds: responses per second, and CPU time."""

    def __init__(self, scale: Scale, sides: Mapping[str, _Side]) -> None:
        for side in sides.values():
            # The first requests fill caches.
            side.rate(max(side.requests // 10, 1), scale.concurrency)
        self._rates: dict[str, list[float]] = {name: [] for name in sides}
        self._cpu_ms: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(scale.rounds):
            for name, side in sides.items():
                before_s = cpu_s(side.pid)
                self._rates[name].append(side.rate(side.requests, scale.concurrency))
                # Milliseconds per thousand are seconds per million.
                used_ms = (cpu_s(side.pid) - before_s) * 1e6 / side.requests
                self._cpu_ms[name].append(used_ms)

    def figures(self) -> list[str]:
        """Returns a line for each side."""
        return [
            f"{name}: {spread(rates)}; CPU {figure(median(self._cpu_ms[name]))} ms per 1,000"
            for name, rates in self._rates.items()
        ]

    def goal(self, name: str, other: str, limit: float, *, aim: bool = False) -> Goal:
        """Returns how many times as many responses one side gave as another, as a goal."""
        pairs = zip(self._rates[name], self._rates[other], strict=True)
        return Goal(
            what=f"ratio to {other}, {name}",
            value=median(ours / theirs for ours, theirs in pairs),
            limit=limit,
            side="at least",
            aim=aim,
        )


def images(scale: Scale, folder: Path) -> Report:
    """Measures downloads of 1 MiB: a release's image and one copied in by hand."""
    catalog = _catalog(folder)
    name = publish_image(catalog, folder)
    (catalog / "copied.bin").write_bytes((catalog / name.lstrip("/")).read_bytes())
    with _served(catalog, folder) as ours, _nginx(catalog, folder) as (other, nginx_pid):
        pid = ours.process.pid
        urls = {
            _NGINX: (other + name, nginx_pid),
            "published": (ours.url + name, pid),
            "copied by hand": (ours.url + "/copied.bin", pid),
        }
        sides = {
            side: _Side(
                url=url,
                pid=pid,
                requests=scale.images,
                headers=device_headers(),
                size=IMAGE_BYTES,
            )
            for side, (url, pid) in urls.items()
        }
        rounds = _Rounds(scale, sides)
    goals = [rounds.goal(side, _NGINX, 0.95) for side in ("published", "copied by hand")]
    return Report(title="Images of 1 MiB, per second", figures=rounds.figures(), goals=goals)


def checks(scale: Scale, folder: Path) -> Report:
    """Measures up-to-date checks, from the update URL and by an image's name, on both loops."""
    catalog = _catalog(folder)
    name = publish_image(catalog, folder)
    md5 = hashlib.md5((catalog / name.lstrip("/")).read_bytes(), usedforsecurity=False).hexdigest()
    count, headers = scale.small_answers, device_headers(md5)

    def side(url: str, pid: int) -> _Side:
        return _Side(url=url, pid=pid, requests=count, headers=headers, status=304)

    static = folder / "static"
    static.mkdir()
    with (
        _served(catalog, folder) as ours,
        _served_by_asyncio(catalog, folder / "asyncio") as asyncio,
        _nginx(static, folder) as (nginx_url, nginx_pid),
        python_module(folder, "bench.constant") as (uvicorn_url, uvicorn_pid),
        python_module(folder, "http.server", *_bound(static)) as (plain_url, plain_pid),
    ):
        pid = ours.process.pid
        rest_kb = resident_kb(pid)
        sides = {
            _NGINX: side(nginx_url + _UP_TO_DATE, nginx_pid),
            _UVICORN: side(uvicorn_url + AUTOMATIC, uvicorn_pid),
            "automatic": side(ours.url + AUTOMATIC, pid),
            "by name": side(ours.url + name, pid),
            "automatic, without uvloop": side(asyncio.url + AUTOMATIC, asyncio.process.pid),
            # It is far slower, and cannot tell a device that it is up to date.
            "python -m http.server, an empty list": _Side(
                url=plain_url + "/", pid=plain_pid, requests=max(count // 8, 1), headers=headers
            ),
        }
        rounds = _Rounds(scale, sides)
        used_kb = resident_kb(pid)
    _need_lines(ours, AUTOMATIC, count * scale.rounds)
    names = ("automatic", "by name")
    return Report(
        title="Up-to-date checks, per second",
        figures=[
            *rounds.figures(),
            f"memory of the server: {rest_kb:,.0f} kB at rest, {used_kb:,.0f} kB after the checks",
        ],
        goals=[
            *(rounds.goal(name, _UVICORN, 2.2) for name in names),
            *(rounds.goal(name, _NGINX, 0.85, aim=True) for name in names),
        ],
    )


def lists(scale: Scale, folder: Path) -> Report:
    """Measures lists for an API client: of files, and of releases."""
    catalog = _catalog(folder)
    copy_many(catalog / "copied", scale.entries)
    publish_many(catalog, folder, "lamp", scale.entries)
    address = "/_catalog?op=list&path="
    static = folder / "static"
    static.mkdir()
    figures, goals = [], []
    with (
        _served(catalog, folder) as ours,
        _nginx(static, folder) as (nginx_url, nginx_pid),
        python_module(folder, "bench.constant") as (uvicorn_url, uvicorn_pid),
    ):
        for what, path in (("files", "copied"), ("releases", "lamp")):
            body = ask(ours.port, address + path).body
            if len(json.loads(body)) != scale.entries:
                raise BenchError(f"the list of {path} does not have {scale.entries} entries")
            (static / f"{path}.json").write_bytes(body)
            count, size = scale.small_answers, len(body)
            sides = {
                _NGINX: _Side(
                    url=f"{nginx_url}/{path}.json", pid=nginx_pid, requests=count, size=size
                ),
                _UVICORN: _Side(url=uvicorn_url + "/", pid=uvicorn_pid, requests=count, status=304),
                what: _Side(
                    url=ours.url + address + path, pid=ours.process.pid, requests=count, size=size
                ),
            }
            rounds = _Rounds(scale, sides)
            figures += rounds.figures()
            goals += [
                rounds.goal(what, _UVICORN, 2.2),
                rounds.goal(what, _NGINX, 0.9, aim=True),
            ]
    return Report(
        title=f"Lists of {scale.entries} entries, per second (nginx: the same bytes as a file)",
        figures=figures,
        goals=goals,
    )


def _catalog(folder: Path) -> Path:
    catalog = folder / "catalog"
    catalog.mkdir()
    return catalog


@contextlib.contextmanager
def _served(catalog: Path, folder: Path) -> Iterator[RunningServer]:
    """Runs the update server over a catalog."""
    # Missing tools are reported before anything is started.
    tool("nginx", "nginx-light")
    tool("ab", "apache2-utils")
    with running_server(catalog, folder, "--log", "info") as server:
        yield server


@contextlib.contextmanager
def _served_by_asyncio(catalog: Path, folder: Path) -> Iterator[RunningServer]:
    """Runs the update server as it is where uvloop is not installed."""
    folder.mkdir()
    command = [
        *(sys.executable, "-c", _WITHOUT_UVLOOP, "serve", "--bind", "127.0.0.1", "--port", "0"),
        *("--catalog", str(catalog), "--state", str(folder / "state"), "--log", "info"),
    ]
    with running_command(command, folder) as server:
        yield server


@contextlib.contextmanager
def _nginx(root: Path, folder: Path) -> Iterator[tuple[str, int]]:
    prefix = folder / "nginx"
    with nginx(root, prefix) as url:
        yield url, int((prefix / "nginx.pid").read_text())


def _bound(directory: Path) -> tuple[str, ...]:
    return ("--bind", "127.0.0.1", "--directory", str(directory))


def _need_lines(server: RunningServer, text: str, count: int) -> None:
    """Makes sure that the server, which has ended, has logged what it was measured with."""
    lines = server.log().count(text)
    if lines < count:
        raise BenchError(f"the access log has {lines} lines with {text} instead of {count}")
