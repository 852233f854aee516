"""Takes the pictures of the documents, for ``make images``.

A server is used for three minutes, so that its chart of versions has something to show.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from tests.support.browser import NARROW, WIDE, Watched, running_browser
from tests.support.full_site import fill
from tests.support.images import esp8266_image
from tests.support.page_site import PageServer
from tests.support.tokens import create_token

IMAGES = Path(__file__).parents[2] / "docs/images"
#: How often the server counts its devices by version.
_POINT_S = 60.0
_POINTS = 3


def take() -> None:
    """Takes all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, PageServer.running(Path(folder)) as served:
        fill(served, lamps=80, thermostats=32)
        lamps = [device for device in served.devices if device.product == "lamp"]
        for point in range(1, _POINTS + 1):
            time.sleep(_POINT_S)
            # Those that have the new release say so one after the other.
            for device in lamps[: len(lamps) * point // _POINTS]:
                device.ask(served.server)
        with running_browser() as browser:
            context = browser.new_context(
                viewport={"width": WIDE[0], "height": WIDE[1]}, reduced_motion="reduce"
            )
            watched = Watched(context, served.server.url)
            state = served.site.state
            watched.sign_in(create_token(state, publish="*", manage=True, name="ann"))
            _take(watched, served)
            watched.need_silence()


def _take(watched: Watched, served: PageServer) -> None:
    rollouts = served.api("GET", "fleet/rollouts")["rollouts"]
    ids = {rollout["product"]: quote(rollout["id"]) for rollout in rollouts}
    page = watched.go("/")
    page.locator(".chart").first.wait_for()
    _write(watched, "overview", 1010)
    watched.show("dark", NARROW)
    _write(watched, "telephone", 740)
    watched.show("light", WIDE)
    watched.go(f"/_/rollouts/{ids['thermostat']}")
    _write(watched, "rollout-halted", 830)
    watched.go("/_/rollouts/new?product=lamp&version=1.2.0&plan=yes")
    _write(watched, "rollout-start", 800)
    page = watched.go(f"/_/devices/{quote(served.devices[3].id)}")
    page.locator("summary").first.click()
    _write(watched, "device", 900)
    page = watched.go("/_/upload")
    data = {"name": "porch_v1.0.0_d1_mini.bin", "mimeType": "", "buffer": esp8266_image(seed=7)}
    page.locator("input[type=file]").set_input_files([data])  # type: ignore[list-item]
    page.get_by_text("will be published to stable").wait_for()
    _write(watched, "upload", 0)


def _write(watched: Watched, name: str, height: int) -> None:
    (IMAGES / f"{name}.webp").write_bytes(watched.picture("webp", height))


if __name__ == "__main__":
    take()
