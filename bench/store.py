"""The store of the fleet: how long a start loads it, and what thousands of check-ins cost."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

from acpublish.fleet.known_device import Device, OfferNote
from acpublish.fleet.progress import Part
from acpublish.release.received import Received
from acpublish.store.database import path_of
from acpublish.store.fleet_store import FleetStore
from acpublish.store.stored import read
from acpublish.wire import Mode, Report
from bench import report
from bench.report import BenchError, Goal, figure, percentile
from bench.scale import Scale

_PER_S = 5000
#: They come in bursts, a few milliseconds apart.
_BURSTS_PER_S = 200
#: One in so many bursts makes an offer of a rollout, which waits for its commit.
_OFFER_EVERY = 10
#: One in so many bursts looks how old the rows on the disk are.
_LOOK_EVERY = 20
#: When a known device was seen last.
LONG_AGO = 1_700_000_000.0


def store(scale: Scale, folder: Path) -> report.Report:
    """Fills a store, loads it, and writes check-ins and offers for a while."""
    fill_s = _fill(folder, scale.devices)
    cpu, begin = time.process_time(), time.perf_counter()
    writing = FleetStore.open(folder)
    devices = list(writing.load().devices.values())
    load_s, load_cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    if len(devices) != scale.devices:
        raise BenchError("devices are missing after the start")
    cost = _CheckIns(writing, devices, scale.check_ins_s)
    writing.close()
    if read(folder).devices != {device.id: device for device in devices}:
        raise BenchError("the store does not have what was noted")
    at_most = "at most"
    return report.Report(
        title=f"The store of {scale.devices:,} devices "
        f"({path_of(folder).stat().st_size / 1e6:,.0f} MB)",
        figures=[
            *_load_of_machine(),
            f"filled with {figure(scale.devices / fill_s)} rows/s",
            f"a start takes {figure(load_cpu_s)} s of CPU time",
            f"check-ins for {figure(cost.took_s)} s, with {figure(cost.cores * 100)} % of a core",
            f"a call that notes one: {figure(percentile(cost.call_ms, 50) * 1000)} µs (median)",
            f"an offer is committed in {figure(percentile(cost.offer_ms, 50))} ms (median) and "
            f"{figure(percentile(cost.offer_ms, 99))} ms (p99)",
            f"the thread that notes them, as an event loop does, is late by "
            f"{figure(percentile(cost.late_ms, 50))} ms (median), "
            f"{figure(percentile(cost.late_ms, 99))} ms (p99), {figure(max(cost.late_ms))} ms "
            f"at most",
        ],
        goals=[
            Goal(what="a start", value=load_s, unit="s", limit=3.0, side=at_most),
            Goal(
                what="check-ins that are noted",
                value=cost.count / cost.took_s,
                unit="/s",
                limit=_PER_S * 0.95,
                side="at least",
            ),
            Goal(
                what="a call that notes one (p99)",
                value=percentile(cost.call_ms, 99),
                unit="ms",
                limit=20.0,
                side=at_most,
            ),
            Goal(
                what="what is not on the disk yet is this old",
                value=cost.oldest_s,
                unit="s",
                limit=1.0,
                side=at_most,
            ),
            Goal(
                what="an offer is committed (p99)",
                value=percentile(cost.offer_ms, 99),
                unit="ms",
                limit=50.0,
                side=at_most,
                # It is mostly the time in which the disk flushes.
                aim=True,
            ),
        ],
    )


def _load_of_machine() -> list[str]:
    """Returns a warning if other programs had more to do than the machine has cores."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    busy = f"the machine is busy: load {load:.1f} on {cores} cores, so times are longer than ours"
    return [busy] if load > cores else []


def _fill(folder: Path, count: int) -> float:
    begin = time.perf_counter()
    writing = FleetStore.open(folder)
    for number in range(count):
        writing.note(known_device(number, "lamp", "d1_mini", f"{number % 7:032x}"))
    writing.written().result(600)
    writing.close()
    return time.perf_counter() - begin


def known_device(number: int, product: str, board: str, md5: str) -> Device:
    """Returns a device that has been there for long: all gaps, a delivery and two offers.

    Args:
        number: Makes its MAC address and its IP address.
        product: Its product.
        board: Its board.
        md5: The MD5 of what it runs.
    """
    digits = f"{number:012x}"
    mac = ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    return Device(
        id=f"{product}/{mac}",
        product=product,
        mac=mac,
        address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        board=board,
        channel="stable",
        report=Report(
            *("esp8266", True, Mode.SKETCH, "1.2.3", md5, None, 410_000, 2_600_000, 4_194_304),
            *("2.2.2-dev(38a443e)", mac.upper(), mac.upper()),
        ),
        runs="1.2.3",
        first_seen=LONG_AGO,
        last_seen=LONG_AGO,
        visits=40,
        gaps=[3600 + number % 60] * 20,
        firmware=Received(
            at=LONG_AGO,
            kind="firmware",
            sha256="a" * 64,
            claim="1.2.2",
            sketch_md5="b" * 32,
            sketch_sha256=None,
        ),
        offers=tuple(
            OfferNote(LONG_AGO, f"1.2.{last}", "firmware", f"{product}-{last}", "running")
            for last in (2, 3)
        ),
    )


class _CheckIns:
    """Check-ins and offers, as a server notes them, and how long each call takes."""

    def __init__(self, writing: FleetStore, devices: Sequence[Device], last_s: float) -> None:
        self.call_ms: list[float] = []
        self.offer_ms: list[float] = []
        self.late_ms: list[float] = []
        self.count = 0
        self.oldest_s = 0.0
        self._writing = writing
        self._devices = devices
        cpu, begin = time.process_time(), time.perf_counter()
        with closing(self._reader()) as reader:
            for burst in range(max(1, int(last_s * _BURSTS_PER_S))):
                due = begin + burst / _BURSTS_PER_S
                pause_s = due - time.perf_counter()
                if pause_s > 0:
                    time.sleep(pause_s)
                    # Only then did something else keep it, and not its own work.
                    self.late_ms.append((time.perf_counter() - due) * 1000)
                self._burst(burst)
                if burst % _LOOK_EVERY == 0 and burst > _BURSTS_PER_S:
                    self._look(reader)
        self.took_s = time.perf_counter() - begin
        self.cores = (time.process_time() - cpu) / self.took_s
        writing.written().result(60)

    def _reader(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._writing.path}?mode=ro", uri=True)

    def _burst(self, burst: int) -> None:
        for _ in range(_PER_S // _BURSTS_PER_S):
            # All devices in turn, and the first in each burst.
            self._note(self._devices[self.count % len(self._devices)])
        self._note(self._devices[0])
        if burst % _OFFER_EVERY == 0:
            device = self._devices[burst % len(self._devices)]
            begin = time.perf_counter()
            part = Part(board=device.board, stage=0, stage_heard=0.0, offered_at=LONG_AGO)
            future = self._writing.keep_offer("r1", device, part)

            def committed(_future: Future[None]) -> None:
                self.offer_ms.append((time.perf_counter() - begin) * 1000)

            future.add_done_callback(committed)

    def _note(self, device: Device) -> None:
        device.last_seen = time.time()
        device.visits += 1
        begin = time.perf_counter()
        self._writing.note(device)
        self.call_ms.append((time.perf_counter() - begin) * 1000)
        self.count += 1

    def _look(self, reader: sqlite3.Connection) -> None:
        query = "SELECT check_ins FROM check_in_log ORDER BY id DESC"
        for (text,) in reader.execute(query):
            # A row has each device once; the first device is in each burst.
            seen = [row[3] for row in json.loads(text) if row[0] == self._devices[0].id]
            if seen:
                self.oldest_s = max(self.oldest_s, time.time() - seen[0])
                return
