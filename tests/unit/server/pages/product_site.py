"""A catalog with releases for two boards, and browsers that may do different things with it."""

from __future__ import annotations

from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.change_request import ChangeRequest
from acpublish.release.version import Version
from acpublish.server.app import Application
from tests.support.tokens import create_token
from tests.unit.catalog.holding import put
from tests.unit.server.pages.visiting import Browser, application

MARKUP = "<script>alert(1)</script>"
PATH = "/_/products/lamp"


class ProductSite:
    """A lamp: 1.0.0 and 1.1.0 for d1 and d2 on stable, and 1.2.0 for d1 on beta."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app: Application = application(folder)
        self.catalog = DirectoryCatalog(folder / "catalog")
        for version in ("1.0.0", "1.1.0"):
            for board in ("d1", "d2"):
                put(self.catalog, version, board=board, compress=board == "d1")
        put(self.catalog, "1.2.0", channel="beta")

    async def browser(self, publish: str = "", **rights: object) -> Browser:
        """Returns a browser that is signed in; without rights, one that is not."""
        browser = Browser(self.app)
        if publish or rights:
            token = create_token(self.folder / "state", publish, **rights)  # type: ignore[arg-type]
            await browser.sign_in(token)
        return browser

    def withdraw(self, version: str, why: str = "it hangs") -> None:
        """Withdraws a release."""
        self.catalog.changes.make(
            "lamp", ChangeRequest(action="withdraw", version=Version.parse(version), why=why)
        )

    def current(self, channel: str) -> dict[str, str]:
        """Returns what a channel points at, by board."""
        return {
            row.place.board: str(row.current.version)
            for row in self.catalog.changes.rows("lamp")
            if row.channel == channel and row.current
        }

    def last(self) -> tuple[str, str, str]:
        """Returns the last change: what, by whom and why."""
        change = self.catalog.changes.history("lamp")[-1]
        return change.action, change.author.by, change.author.why
