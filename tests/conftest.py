"""What tests in several folders use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.server import RunningServer, running_server

# How long an example takes depends on what else the machine does.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server with an empty catalog; many files have one of their own instead."""
    (tmp_path / "catalog").mkdir()
    with running_server(tmp_path / "catalog", tmp_path) as running:
        yield running
