"""Two catalogs of hand-copied files, as the captured requests expect them, each really served."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.images import esp32_image, esp8266_image, littlefs
from tests.support.loops import LOOPS, server_on
from tests.support.server import RunningServer

ESP8266_SKETCH = esp8266_image(400_000, seed=1)
ESP32_SKETCH = esp32_image("esp32", 720_000, seed=2)
FILESYSTEM = littlefs(65536, seed=3)
#: A file without a proof of being whole is served when it has been left alone for 2 s.
SETTLE_S = 2.2


def fill(catalog: Path, sketch: bytes) -> None:
    """Puts the files there that the captured requests ask for."""
    (catalog / "folder").mkdir(parents=True)
    for name in ("sketch.bin", "my sketch.bin", "folder/inner.bin"):
        (catalog / name).write_bytes(sketch)
    for name in ("spiffs.bin", "fs.bin"):
        (catalog / name).write_bytes(FILESYSTEM)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two catalogs."""
    root = tmp_path_factory.mktemp("conformance")
    fill(root / "esp8266", ESP8266_SKETCH)
    fill(root / "esp32", ESP32_SKETCH)
    time.sleep(SETTLE_S)
    return root


@pytest.fixture(scope="module", params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """The event loop of a module's server."""
    loop: str = request.param
    return loop


@pytest.fixture(scope="module")
def esp8266_server(filled: Path, loop: str) -> Iterator[RunningServer]:
    """A server of images for the ESP8266."""
    with server_on(loop, filled / "esp8266", filled) as server:
        yield server


@pytest.fixture(scope="module")
def esp32_server(filled: Path, loop: str) -> Iterator[RunningServer]:
    """A server of images for the ESP32."""
    with server_on(loop, filled / "esp32", filled) as server:
        yield server
