"""``acpublish diff`` of releases that a server holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import acpublish
from tests.support import images
from tests.support.server import running_server


def test_two_releases_of_a_server(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    sizes = {"1.0.0": 40_000, "1.0.1-dev.1+gabc": 48_000}
    for version, size in sizes.items():
        path = tmp_path / f"{size}.bin"
        path.write_bytes(images.esp8266_image(size=size))
        acpublish.publish(
            path, to=catalog, product="lamp", version=version, board="d1", compress=True
        )
    names = [f"lamp@{version}" for version in sizes]
    command = [sys.executable, "-m", "acpublish", "diff", *names, "--json", "--to"]
    with running_server(catalog, tmp_path) as server:
        over_http = subprocess.run([*command, server.url], capture_output=True, check=True)
    directly = subprocess.run([*command, str(catalog)], capture_output=True, check=True)
    assert json.loads(over_http.stdout)["delta"] == 8_000
    assert over_http.stdout == directly.stdout
