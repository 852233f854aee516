"""One browser for all tests of the pages, and a server with devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.server import RunningServer

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from tests.support.browser import WIDE, Watched, chromium, running_browser  # noqa: E402
from tests.support.page_site import PageServer  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Colours that are on their way to others are neither what axe-core should see nor a picture.
LOOK: Any = {"viewport": {"width": WIDE[0], "height": WIDE[1]}, "reduced_motion": "reduce"}


# Playwright keeps a loop running in this thread, with which no test elsewhere could run its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser, until the tests of another folder follow."""
    if chromium() is None:
        pytest.skip("Chromium is not installed")
    with running_browser() as running:
        yield running


@pytest.fixture
def watch(browser: Browser) -> Iterator[type[Watched]]:
    """Opens pages, each in a context of its own; at its end, none has complained."""
    contexts, pages = [], []

    def opened(server: RunningServer, **options: object) -> Watched:
        context = browser.new_context(**{**LOOK, **options})
        contexts.append(context)
        pages.append(Watched(context, server.url))
        return pages[-1]

    yield opened  # type: ignore[misc]
    # A stream that ends with its page is an error to the page, which is too late to count.
    messages = [text for page in pages for text in page.messages]
    elsewhere = [url for page in pages for url in page.elsewhere]
    for context in contexts:
        context.close()
    assert messages == []
    assert elsewhere == []


@pytest.fixture(scope="module")
def fleet_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server with two releases, and twelve devices that run the older one."""
    with PageServer.running(tmp_path_factory.mktemp("fleet"), devices=12) as server:
        yield server


@pytest.fixture(scope="module")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server with an empty catalog."""
    with PageServer.running(tmp_path_factory.mktemp("empty")) as server:
        yield server
