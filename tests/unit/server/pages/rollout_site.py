"""A fleet with a rollout, and whoever looks at its pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tokens import create_token
from tests.unit.control.asking import Asking
from tests.unit.server.pages.visiting import Browser, fleet_application


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Asking]:
    """Eight devices, a channel with a policy, and a release on its way there: ``lamp-4``."""
    fleet = Asking(tmp_path)
    fleet.put("1.0.0", "1.1.0")
    with fleet.stored():
        for number in range(8):
            fleet.ask(number)
        fleet.now += 100
        fleet.policy("1,50%,100%")
        fleet.put("1.2.0")
        yield fleet


async def signed_in(fleet: Asking, *, manage: bool = True) -> Browser:
    """Returns the browser of somebody who may manage, or only read."""
    browser = Browser(fleet_application(fleet))
    token = (
        create_token(fleet.folder, manage=True) if manage else create_token(fleet.folder, read=True)
    )
    await browser.sign_in(token)
    return browser
