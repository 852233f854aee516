"""Uploads through a network that redirects, refuses, cuts and garbles, to a real server."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from tests.support import images
from tests.support.proxy import answering, between, changed, cut_after
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token

#: More than what sockets hold between client, proxy and server.
IMAGE = images.esp8266_image(size=1 << 20)
PART = 200_000
FILE = "lamp/lamp-1.0.0_d1_mini.bin"
PATIENCE_S = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "firmware.bin").write_bytes(IMAGE)
    with running_server(tmp_path / "catalog", tmp_path) as running:
        yield running


@pytest.fixture
def token(server: RunningServer, tmp_path: Path) -> str:
    return create_token(tmp_path / "state", "lamp")


def start(url: str, tmp_path: Path, token: str) -> subprocess.Popen[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "acpublish", "publish", "firmware.bin", "--to", url, "-v"),
            *("--product", "lamp", "--board", "d1_mini", "--version", "1.0.0"),
        ],
        cwd=tmp_path,
        env={**kept, "ACPUBLISH_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def publish(url: str, tmp_path: Path, token: str) -> tuple[int, str, str]:
    """Publishes the image; returns the status and what was printed, which has no token in it."""
    with start(url, tmp_path, token) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert token not in out + err
    assert "Traceback" not in err
    return process.returncode, out, err


def visible(tmp_path: Path) -> list[str]:
    catalog = tmp_path / "catalog"
    return [
        str(path.relative_to(catalog))
        for path in catalog.rglob("*")
        if path.is_file() and ".acpublish" not in path.parts
    ]


def assert_whole(tmp_path: Path) -> None:
    """Checks that the release is there, with every byte that its manifest promises."""
    (release,) = DirectoryCatalog(tmp_path / "catalog").releases("lamp")
    (image,) = release.images
    assert visible(tmp_path) == [FILE]
    assert (tmp_path / "catalog" / FILE).stat().st_size == image.size == len(IMAGE)


def waits(err: str) -> list[float]:
    return [float(found) for found in re.findall(r"^acpublish: again in ([\d.]+) s", err, re.M)]


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary", "308 Permanent"])
def test_neither_token_nor_image_follow_a_redirect(
    server: RunningServer, tmp_path: Path, token: str, status: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        there = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"
        with between(server, answering(status, f"Location: {there}")) as proxy:
            code, out, err = publish(proxy.url, tmp_path, token)
            assert proxy.uploads == 1
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert (code, out) == (5, "")
    assert f"redirects the image to {there}, and redirects are not followed" in err
    assert visible(tmp_path) == []


def test_a_busy_server_is_asked_again_when_it_says(
    server: RunningServer, tmp_path: Path, token: str
) -> None:
    busy = answering("503 Busy", "Retry-After: 1"), answering("429 Slow down")
    with between(server, *busy) as proxy:
        code, out, err = publish(proxy.url, tmp_path, token)
        assert proxy.uploads == 3
    assert code == 0, err
    assert out.endswith(f"{proxy.url}/{FILE}\n")
    assert_whole(tmp_path)
    # Clients that were refused together do not come back together.
    first, second = waits(err)
    assert 1.2 <= first <= 1.5
    assert 0.5 <= second <= 1.0
    assert "as Retry-After asks (attempt 2 of 4)" in err


def test_an_upload_that_is_cut_is_sent_again_by_itself(
    server: RunningServer, tmp_path: Path, token: str
) -> None:
    with between(server, cut_after(PART), cut_after(0)) as proxy:
        code, out, err = publish(proxy.url, tmp_path, token)
        assert proxy.uploads == 3
    assert code == 0, err
    assert out.startswith("lamp 1.0.0 for d1_mini (stable): published\n")
    assert len(waits(err)) == 2
    assert_whole(tmp_path)


def test_an_answer_that_is_lost_is_no_second_release(
    server: RunningServer, tmp_path: Path, token: str
) -> None:
    with between(server, changed(lambda answer: b"")) as proxy:
        code, out, err = publish(proxy.url, tmp_path, token)
    assert code == 0, err
    assert out.startswith("lamp 1.0.0 for d1_mini (stable): already published\n")
    assert_whole(tmp_path)


def test_an_upload_that_is_killed_is_completed_by_the_same_command(
    server: RunningServer, tmp_path: Path, token: str
) -> None:
    halfway, killed = threading.Event(), threading.Event()

    def hold() -> None:
        halfway.set()
        killed.wait(PATIENCE_S)

    with between(server, cut_after(PART, hold)) as proxy:
        with start(proxy.url, tmp_path, token) as process:
            assert halfway.wait(PATIENCE_S)
            process.kill()
            process.communicate(timeout=PATIENCE_S)
        killed.set()
        assert process.returncode < 0
        assert visible(tmp_path) == []
        assert DirectoryCatalog(tmp_path / "catalog").releases("lamp") == ()
        code, out, err = publish(proxy.url, tmp_path, token)
    assert code == 0, err
    assert out.startswith("lamp 1.0.0 for d1_mini (stable): published\n")
    assert_whole(tmp_path)


def test_what_the_server_says_that_it_holds_is_compared(
    server: RunningServer, tmp_path: Path, token: str
) -> None:
    def other_digest(answer: bytes) -> bytes:
        return re.sub(rb'("sha256": ?")\w{64}', rb"\g<1>" + b"0" * 64, answer)

    with between(server, changed(other_digest)) as proxy:
        code, out, err = publish(proxy.url, tmp_path, token)
        assert proxy.uploads == 1
    assert (code, out) == (6, "")
    stored = f"stored {len(IMAGE)} bytes with the sha256 {'0' * 64}, but {len(IMAGE)} bytes with"
    assert stored in err


def test_a_refusal_before_the_end_of_a_long_upload_is_told(
    server: RunningServer, tmp_path: Path, token: str
) -> None:
    code, out, err = publish(server.url, tmp_path, token[:-4] + "wxyz")
    assert (code, out) == (3, "")
    assert "refuses the image (401)" in err
