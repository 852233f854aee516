"""One catalog, as a directory and behind a real server, with a product of its own per test."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.channels import Place
from acpublish.release.manifest import ReleaseImage
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token
from tests.unit.catalog.holding import put
from tests.unit.cli.invoking import CommandLine, Said

_NUMBERS = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server and its catalog, which one module of tests shares."""

    catalog: Path
    server: RunningServer
    state: Path
    token: str


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Runs the server; its token may do everything."""
    (folder / "catalog").mkdir()
    state = folder / "state"
    token = create_token(state, "*", manage=True)
    with running_server(folder / "catalog", folder) as server:
        yield Site(catalog=folder / "catalog", server=server, state=state, token=token)


class Shop:
    """A product, and the commands for it."""

    def __init__(self, site: Site, to: str, acpublish: CommandLine) -> None:
        self.site = site
        self.to = to
        self.product = f"lamp{next(_NUMBERS)}"
        self.is_server = to.startswith("http")
        self._acpublish = acpublish

    def __call__(self, command: str, *words: str) -> Said:
        """Runs a command on the product."""
        return self._acpublish(command, self.product, *words, "--to", self.to)

    def publish(self, *versions: str, channel: str = "stable", boards: str = "d1 d2") -> None:
        """Publishes versions into the directory."""
        for version in versions:
            for board in boards.split():
                put(
                    DirectoryCatalog(self.site.catalog),
                    version,
                    product=self.product,
                    board=board,
                    channel=channel,
                )

    def points_at(self, channel: str = "stable", board: str = "d1") -> str | None:
        """Returns what the directory says that a channel points at."""
        channels = DirectoryCatalog(self.site.catalog).changes.channels(self.product)
        pointer = channels.current(channel, Place(board, "firmware"))
        return str(pointer.version) if pointer else None

    def image_of(self, version: str, board: str = "d1") -> ReleaseImage:
        """Returns the firmware of a release."""
        for release in DirectoryCatalog(self.site.catalog).releases(self.product):
            image = release.image_for(board, "firmware")
            if str(release.version) == version and image is not None:
                return image
        raise AssertionError(version)

    def check_in(self, *more: str, mac: int = 1, board: str = "d1", channel: str = "stable") -> int:
        """Asks the server as an ESP8266 does, and returns the status."""
        return self.site.server.get(
            f"/update/{self.product}/{board}?channel={channel}",
            "User-Agent: ESP8266-http-Update",
            f"x-ESP8266-STA-MAC: 24:0A:C4:00:00:{mac:02X}",
            *more,
        ).status

    @property
    def document(self) -> Path:
        """The file with what the channels point at."""
        return layout.channels(self.site.catalog, self.product)


class Terminal(io.StringIO):
    """A terminal at which somebody types an answer."""

    def isatty(self) -> bool:
        return True


def types(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Lets somebody at a terminal type an answer."""
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
