"""A real browser for the pages: Debian's Chromium, and what a test wants to know of a page."""

from __future__ import annotations

import base64
import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Page,
    sync_playwright,
)

#: axe-core 4.14.1 from npm; its licences are beside it.
AXE = Path(__file__).parents[1] / "data/axe-core/axe.min.js.gz"
#: What people use: a desk and a telephone.
WIDE, NARROW = (1280, 800), (360, 740)
#: Where the screenshots go; without it, none are made.
SCREENSHOTS = os.environ.get("ACPUBLISH_TEST_SCREENSHOTS", "")

#: The rules of axe-core whose findings depend on colours, and on the width of the window.
_LOOKS = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")
#: Of a picture in WebP: text has no halo yet.
_QUALITY = 70


def chromium() -> str | None:
    """Returns the path of the browser, None if it is not installed."""
    return shutil.which("chromium")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Runs the browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page, and all that it does besides what is seen.

    Attributes:
        page: The page.
        url: The server.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        """Opens an empty page.

        Args:
            context: Where it gets its cookies.
            url: The server.
        """
        self.context, self.url = context, url
        self.page: Page = context.new_page()
        # Long, because a machine may have much else to do.
        self.page.set_default_timeout(40_000)
        self.messages: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.page.on("request", lambda request: self._requested(request.url))

    def _said(self, message: ConsoleMessage) -> None:
        self._note(message.type, f"{message.text} {message.location['url']}")

    def _note(self, kind: str, text: str) -> None:
        # A status of 4xx that a test asks for is what the page is to show.
        if kind in ("error", "warning") and "the server responded with a status of 4" not in text:
            self.messages.append(text)

    def _requested(self, url: str) -> None:
        own = urlsplit(self.url).netloc
        if urlsplit(url).scheme not in ("data", "about", "blob") and urlsplit(url).netloc != own:
            self.elsewhere.append(url)

    def go(self, path: str) -> Page:
        """Opens a page of the server, and returns it."""
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self, token: str) -> Page:
        """Signs in with a token."""
        self.go("/_/sign-in")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()
        return self.page

    def check(self) -> None:
        """Makes sure that the page is usable by everyone, fits, is silent and asks nobody else."""
        assert self.problems() == []
        assert self.overflow() == 0
        self.need_silence()

    def check_dark(self) -> None:
        """Makes sure of what can differ in the dark and on a telephone."""
        self.show("dark", NARROW)
        assert self.problems(*_LOOKS) == []
        assert self.overflow() == 0
        self.show("light", WIDE)
        self.need_silence()

    def need_silence(self) -> None:
        """Makes sure that the page has nothing to complain of, and asks nobody else."""
        assert self.messages == []
        assert self.elsewhere == []

    def problems(self, *rules: str) -> list[str]:
        """Returns what axe-core finds that is serious or critical.

        Args:
            rules: The rules to look for; none for all.
        """
        # The policy of the page allows no script but the server's, except what a debugger runs.
        if self.page.evaluate("typeof axe === 'undefined'"):
            self.page.evaluate(_axe())
        options: dict[str, Any] = {"resultTypes": ["violations"]}
        if rules:
            options["runOnly"] = list(rules)
        found: dict[str, Any] = self.page.evaluate("options => axe.run(options)", options)
        return [
            f"{violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    def overflow(self) -> int:
        """Returns by how many pixels the page is wider than the window."""
        width: int = self.page.evaluate(
            "Math.max(0, document.documentElement.scrollWidth - window.innerWidth)"
        )
        return width

    def show(self, theme: str, size: tuple[int, int]) -> None:
        """Shows the page in light or dark, in a window of some size."""
        self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def screenshot(self, name: str) -> None:
        """Makes sure that the page fits a telephone, and takes its pictures if they are wanted."""
        looks = [(theme, size) for theme in ("light", "dark") for size in (WIDE, NARROW)]
        for theme, size in looks if SCREENSHOTS else looks[1:2]:
            self.show(theme, size)
            assert self.overflow() == 0, (name, size)
            if SCREENSHOTS:
                path = Path(SCREENSHOTS, f"{name}-{theme}-{size[0]}.png")
                path.write_bytes(self.picture("png"))
        self.show("light", WIDE)
        self.need_silence()

    def picture(self, kind: str, height: int = 0) -> bytes:
        """Returns a picture of the page, not only of what the window shows.

        Args:
            kind: ``png`` or ``webp``.
            height: How much of it, in pixels from the top; 0 for all.
        """
        # That of Playwright puts a style into the page, which the policy of the page forbids.
        with self._debugger() as debugger:
            whole = debugger.send("Page.getLayoutMetrics")["cssContentSize"]
            clip = {**whole, "height": min(height or whole["height"], whole["height"]), "scale": 1}
            options = {"format": kind, "clip": clip, "captureBeyondViewport": True}
            if kind == "webp":
                options["quality"] = _QUALITY
            return base64.b64decode(debugger.send("Page.captureScreenshot", options)["data"])

    @contextmanager
    def _debugger(self) -> Iterator[CDPSession]:
        debugger = self.context.new_cdp_session(self.page)
        try:
            yield debugger
        finally:
            debugger.detach()


@lru_cache(maxsize=1)
def _axe() -> str:
    return gzip.decompress(AXE.read_bytes()).decode()
