"""The promise "full and broken disk": a clear error, reads go on, and service returns.

Each change meets each error at each of its calls; a real server meets them during uploads, and one
whose catalog is on a small disk finds that full and read-only. What is left must be the old or the
new, as the error says, and the same once more must work when the disk is mended.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acpublish.errors import AcpublishError
from tests.support.disk_calls import intercept
from tests.support.images import esp32_image
from tests.support.server import RunningServer, running_command, running_server
from tests.support.small_disk import filled, read_only, small_disk_at
from tests.support.tokens import create_token
from tests.torture.faulty_server import ERRORS, Fault, met_file
from tests.torture.honest import check
from tests.torture.rows import Row
from tests.torture.tried_changes import Bench, tried_changes
from tests.unit.catalog.holding import put

PROMISE = "full and broken disk"
#: The changes of the short form.
SHORT = ("publish with gzip", "withdraw", "token rotate")
_MOST_CALLS = 400
_MOST_BLOCKS = 8
_UNCHANGED = "nothing was changed"


@dataclass(slots=True)
class Outcome:
    """What was tried, and what came of it.

    Attributes:
        changes: How many changes met a fault.
        uploads: How many uploads to a server met a fault.
        disks: How many uploads met a disk that is full or read-only.
        refused: How many of all were refused.
        found: Each time that the promise was not kept, in words.
    """

    changes: int = 0
    uploads: int = 0
    disks: int = 0
    refused: int = 0
    found: list[str] = field(default_factory=list)


def measure(tmp: Path, *, names: Sequence[str] = (), every: int = 1) -> Row:
    """Tries everything, and returns the row of the table.

    Args:
        tmp: An empty folder.
        names: The changes to try; all by default.
        every: Tries every so many-th call.

    Raises:
        Unavailable: Nothing can be mounted here.
    """
    begin = time.monotonic()
    outcome = Outcome()
    on_small_disk(tmp / "disk", outcome, every)
    in_server(tmp / "server", outcome, every)
    for number, tried in enumerate(tried_changes()):
        if not names or tried.name in names:
            folder = tmp / str(number)
            folder.mkdir()
            change_with_faults(Bench(tried, folder), outcome, every)
            shutil.rmtree(folder)
    numbers = (
        f"{outcome.changes:,} faults in changes, {outcome.uploads:,} in uploads to a server, "
        f"{outcome.disks:,} uploads to a disk with few or no free blocks or read-only; "
        f"{outcome.refused:,} refused"
    )
    result = f"{len(outcome.found)} lost, unclear or not served"
    return Row(PROMISE, numbers, outcome.found, result, time.monotonic() - begin)


def change_with_faults(bench: Bench, outcome: Outcome, every: int = 1) -> None:
    """Makes a change that meets each error at each call, once and from then on."""
    for error in ERRORS:
        for step in range(1, _MOST_CALLS, every):
            fault = Fault(step, error, lasting=step % 2 == 0)
            root = bench.copy("faulty")
            problem = _problem_of(bench, root, fault, outcome)
            shutil.rmtree(root)
            if not fault.met:
                break
            outcome.changes += 1
            if problem:
                met = f"{fault.met[0].name} {fault.met[0].path.relative_to(root)}"
                outcome.found.append(f"{bench.tried.name}, {error} {step} ({met}): {problem}")


def _problem_of(bench: Bench, root: Path, fault: Fault, outcome: Outcome) -> str:
    end = intercept(root, fault)
    refused = None
    try:
        bench.tried.change(root)
    except AcpublishError as known:
        refused = known
    except Exception as unknown:
        return f"{type(unknown).__name__}: {unknown}"
    finally:
        end()
    if refused is None:
        return bench.problem(root, only_new=True)
    outcome.refused += 1
    text = str(refused)
    if refused.hint not in text or not refused.hint or not text.isprintable():
        return f"not clear: {text}"
    if os.strerror(fault.number).lower() not in text.lower():
        return f"does not say why: {text}"
    if _UNCHANGED in text and bench.seen(root) != bench.old:
        return f"something was changed: {text}"
    return bench.problem(root)


class Uploads:
    """Uploads of further versions of another product than the honest device has."""

    def __init__(self, server: RunningServer, token: str, outcome: Outcome) -> None:
        """Remembers the server and what it said."""
        self._server, self._token, self._outcome = server, token, outcome
        self._numbers = itertools.count()

    def under(self, broken: contextlib.AbstractContextManager[object], name: str) -> None:
        """Uploads while something is broken, and once more when it is mended.

        Args:
            broken: Breaks it for a while.
            name: What is broken, in words.
        """
        version = f"1.0.{next(self._numbers)}"
        with broken:
            status, text = self._upload(version)
            served = check(self._server.port, "/update/lamp/d1")
        problem = "" if served else "a device is not served; "
        if status not in (200, 201):
            self._outcome.refused += 1
            problem += _unclear(status, text)
        again, said = self._upload(version)
        if again not in (200, 201):
            problem += f"not published once it is mended: {again} {said}; "
        image = self._server.get(f"/plug/plug-{version}_c3.bin")
        if image.status != 200 or image.body != _image(version):
            problem += f"a device does not get it afterwards: {image.status}"
        if problem:
            self._outcome.found.append(f"{name}, {version}: {problem}")

    def _upload(self, version: str) -> tuple[int, str]:
        image = _image(version)
        head = (
            f"PUT /api/v1/releases/plug/{version}/c3 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Length: {len(image)}\r\n"
            "Connection: close\r\n\r\n"
        )
        answer = self._server.ask(head.encode() + image)
        return answer.status, answer.body.decode()


def _image(version: str) -> bytes:
    return esp32_image("esp32c3", project="plug", version=version)


def _unclear(status: int, text: str) -> str:
    """Returns why the response of a refused upload is not clear; empty if it is."""
    try:
        document = json.loads(text)
        clear = document["error"] and document["hint"] and text.strip().isprintable()
    except (ValueError, KeyError):
        clear = False
    return "" if clear and status in (500, 503, 507) else f"not clear: {status} {text}; "


def in_server(tmp: Path, outcome: Outcome, every: int = 1) -> None:
    """Uploads to a server whose disk has a fault at each call."""
    (tmp / "catalog").mkdir(parents=True)
    put(tmp / "catalog", product="lamp")
    token, control = create_token(tmp / "state", "plug"), tmp / "fault"
    command = [
        *(sys.executable, "-m", "tests.torture.faulty_server", str(tmp / "catalog"), str(control)),
        *("serve", "--bind", "127.0.0.1", "--port", "0", "--catalog", str(tmp / "catalog")),
        *("--state", str(tmp / "state")),
    ]
    with running_command(command, tmp) as server:
        uploads = Uploads(server, token, outcome)
        for error in ERRORS:
            for step in range(1, _MOST_CALLS, every):
                name = f"{error} at call {step} of a server"
                met_file(control).unlink(missing_ok=True)
                uploads.under(_fault(control, step, error), name)
                if not met_file(control).exists():
                    break
                outcome.uploads += 1
        _note_log(server, outcome)


@contextlib.contextmanager
def _fault(control: Path, step: int, error: str) -> Iterator[None]:
    lasting = "lasting" if step % 2 else "once"
    # Each text differs from the one before it, so that the calls are counted anew.
    _replace(control, f"{time.monotonic_ns()} {step} {error} {lasting}")
    try:
        yield
    finally:
        _replace(control, "none")


def _replace(control: Path, text: str) -> None:
    fresh = control.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(control)


def on_small_disk(tmp: Path, outcome: Outcome, every: int = 1) -> None:
    """Uploads to a server whose catalog is on a disk that is full, or read-only.

    Raises:
        Unavailable: Nothing can be mounted here.
    """
    tmp.mkdir()
    token = create_token(tmp / "state", "plug")
    with small_disk_at(tmp / "catalog", "4m") as disk:
        put(disk, product="lamp")
        broken: list[tuple[str, Callable[[], contextlib.AbstractContextManager[None]]]] = [
            (f"{blocks} free blocks", lambda blocks=blocks: filled(disk, blocks))
            for blocks in range(0, _MOST_BLOCKS * 4, every)
        ]
        broken += [("read-only", lambda: read_only(disk))] * (8 // min(every, 8))
        with running_server(disk, tmp) as server:
            uploads = Uploads(server, token, outcome)
            for name, breaking in broken:
                uploads.under(breaking(), name)
                outcome.disks += 1
            _note_log(server, outcome)


def _note_log(server: RunningServer, outcome: Outcome) -> None:
    outcome.found += [
        f"logged: {line}" for line in server.end().splitlines() if line.startswith("Traceback")
    ]
