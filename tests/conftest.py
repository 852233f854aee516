"""What tests in several folders use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import RunningServer, running_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server with an empty catalog; many files have one of their own instead."""
    (tmp_path / "catalog").mkdir()
    with running_server(tmp_path / "catalog", tmp_path) as running:
        yield running
