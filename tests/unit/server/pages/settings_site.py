"""Browsers that are signed in to the settings of an application without a socket."""

from __future__ import annotations

from pathlib import Path

from acpublish import publish
from acpublish.server.app import Application
from tests.support.images import esp32_image
from tests.support.tokens import create_token
from tests.unit.server.pages.visiting import Browser, application

HOSTILE = '"><script>alert(1)</script>'


def published(tmp: Path, product: str = "lamp") -> Application:
    """Returns the application for a catalog with a release."""
    app = application(tmp)
    image = tmp / f"{product}.bin"
    image.write_bytes(esp32_image("esp32c3", seed=1))
    publish(image, to=tmp / "catalog", product=product, version="1.0.0", board="c3")
    return app


async def manager(app: Application, name: str = "me") -> Browser:
    """Returns a browser that may manage."""
    browser = Browser(app)
    await browser.sign_in(create_token(app.site.tokens.state, manage=True, name=name))
    return browser


async def reader(app: Application) -> Browser:
    """Returns a browser that may only read."""
    browser = Browser(app)
    await browser.sign_in(create_token(app.site.tokens.state, read=True, name="reader"))
    return browser
