"""Responses per second compared with nginx: images, up-to-date checks, lists of 100 entries.

Each round measures both sides one after the other; the ratio is the median of the rounds' ratios,
so a machine that gets slower or busier meanwhile slows down both.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.catalogs import AUTOMATIC, IMAGE_BYTES, copy_many, publish_image, publish_many
from bench.devices import ask, device_headers
from bench.peers import nginx, rate, tool
from bench.report import BenchError, Goal, Report, spread
from bench.scale import Scale
from tests.support.server import RunningServer, running_server

_ENTRIES = 100
_NGINX = "nginx"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """What both sides are sent, how often, and what they must respond."""

    requests: int
    headers: tuple[str, ...] = ()
    status: int = 200
    size: int | None = None


@contextlib.contextmanager
def served(catalog: Path, folder: Path) -> Iterator[RunningServer]:
    """Runs the update server over a catalog."""
    # Missing tools are reported before anything is started.
    tool("nginx", "nginx-light")
    tool("ab", "apache2-utils")
    with running_server(catalog, folder, "--log", "warning") as server:
        yield server


def images(scale: Scale, folder: Path) -> Report:
    """Measures downloads of 1 MiB: a release's image and one copied in by hand."""
    catalog = _catalog(folder)
    name = publish_image(catalog, folder)
    (catalog / "copied.bin").write_bytes((catalog / name.lstrip("/")).read_bytes())
    load = _Load(requests=scale.images, headers=device_headers(), size=IMAGE_BYTES)
    with served(catalog, folder) as ours, nginx(catalog, folder / "nginx") as other:
        sides = {
            _NGINX: other + name,
            "published": ours.url + name,
            "copied by hand": ours.url + "/copied.bin",
        }
        return _compare("Images of 1 MiB, per second", scale, sides, load, limit=0.9)


def checks(scale: Scale, folder: Path) -> Report:
    """Measures up-to-date checks: by an image's name, and from the update URL."""
    catalog = _catalog(folder)
    name = publish_image(catalog, folder)
    md5 = hashlib.md5((catalog / name.lstrip("/")).read_bytes(), usedforsecurity=False).hexdigest()
    load = _Load(requests=scale.small_answers, headers=device_headers(md5), status=304)
    with served(catalog, folder) as ours, nginx(catalog, folder / "nginx") as other:
        sides = {
            _NGINX: other + "/up-to-date",
            "by name": ours.url + name,
            "automatic": ours.url + AUTOMATIC,
        }
        return _compare("Up-to-date checks, per second", scale, sides, load, limit=0.4)


def lists(scale: Scale, folder: Path) -> Report:
    """Measures lists of 100 entries for an API client: of files, and of releases."""
    catalog = _catalog(folder)
    copy_many(catalog / "copied", _ENTRIES)
    publish_many(catalog, folder, "lamp", _ENTRIES)
    address = "/_catalog?op=list&path="
    static = folder / "static"
    static.mkdir()
    with served(catalog, folder) as ours, nginx(static, folder / "nginx") as other:
        reports = []
        for what, path in (("files", "copied"), ("releases", "lamp")):
            body = ask(ours.port, address + path).body
            if len(json.loads(body)) != _ENTRIES:
                raise BenchError(f"the list of {path} does not have {_ENTRIES} entries")
            (static / f"{path}.json").write_bytes(body)
            load = _Load(requests=scale.small_answers, size=len(body))
            sides = {_NGINX: f"{other}/{path}.json", what: ours.url + address + path}
            reports.append(_compare("", scale, sides, load, limit=0.3))
    return Report(
        title=f"Lists of {_ENTRIES} entries, per second (nginx: the same bytes as a file)",
        figures=[line for report in reports for line in report.figures],
        goals=[goal for report in reports for goal in report.goals],
    )


def _catalog(folder: Path) -> Path:
    catalog = folder / "catalog"
    catalog.mkdir()
    return catalog


def _compare(
    title: str, scale: Scale, sides: Mapping[str, str], load: _Load, *, limit: float
) -> Report:
    for url in sides.values():
        # The first requests fill caches.
        _rate(url, scale, load, max(load.requests // 10, 1))
    rounds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(scale.rounds):
        for side, url in sides.items():
            rounds[side].append(_rate(url, scale, load, load.requests))
    goals = []
    for side, rates in rounds.items():
        if side != _NGINX:
            ratio = median(our / nginx for our, nginx in zip(rates, rounds[_NGINX], strict=True))
            what = f"ratio to nginx, {side}"
            goals.append(Goal(what=what, value=ratio, limit=limit, side="at least"))
    figures = [f"{side}: {spread(rates)}" for side, rates in rounds.items()]
    return Report(title=title, figures=figures, goals=goals)


def _rate(url: str, scale: Scale, load: _Load, requests: int) -> float:
    return rate(
        url,
        requests=requests,
        concurrency=scale.concurrency,
        headers=load.headers,
        status=load.status,
        size=load.size,
    )
