"""What tests in several folders use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import pio, preloaded
from tests.support import server as servers
from tests.support.loops import LOOP, hide_uvloop
from tests.support.server import RunningServer, running_server

# How long an example takes depends on what else the machine does. The examples differ in each run,
# and workers do not share what they found: a failure prints how to try its example again.
settings.register_profile("suite", deadline=None, max_examples=60, database=None, print_blob=True)
settings.load_profile("suite")

# The tests start hundreds of processes, each of which would otherwise compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session", autouse=True)
def _state_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the state folders of the tests' catalogs out of the home of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _loop_of_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs servers on asyncio if ACPUBLISH_TEST_LOOP says so."""
    with pytest.MonkeyPatch.context() as patch:
        if LOOP == "asyncio":
            patch.setenv("PYTHONPATH", hide_uvloop(tmp_path_factory.mktemp("loop")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _preloaded() -> Iterator[None]:
    """Starts servers and PlatformIO as forks of processes that have loaded what they need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(servers, "start", preloaded.start)
        patch.setattr(pio, "forks", True)
        yield


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server with an empty catalog; many files have one of their own instead."""
    (tmp_path / "catalog").mkdir()
    with running_server(tmp_path / "catalog", tmp_path) as running:
        yield running


def pytest_configure() -> None:
    """Lets tests press Ctrl-C, also where a shell has started them in the background.

    Such a shell lets its jobs ignore it, and everything that they start inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
