"""Old images, imported to a real server: the devices that run them are known from then on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.emulator.profile import DeviceOptions, UpdateResult
from acpublish.emulator.updater import run
from tests.support import images
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token

VERSIONS = ("1.9", "1.10", "1.11")


def built(chip: str, seed: int, *, record: bool = False) -> bytes:
    """Returns an image from before acpublish.

    The descriptor of an ESP32 image is a place for a stamp, which has to stay as it is.
    """
    if chip == "esp32":
        return images.esp32_image("esp32c3", seed=seed)
    return images.esp8266_image(record=record, seed=seed)


OLD = {
    chip: {version: built(chip, seed) for seed, version in enumerate(VERSIONS)}
    for chip in ("esp8266", "esp32")
}


def command(folder: Path, server: RunningServer) -> list[str]:
    words = ("import", str(folder), "--to", server.url, "--board", "board", "--yes")
    return [sys.executable, "-m", "acpublish", *words]


def imported(folder: Path, server: RunningServer, token: str) -> dict[str, str]:
    done = subprocess.run(
        [*command(folder, server), "--json"],
        env={**os.environ, "ACPUBLISH_TOKEN": token},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {one["version"]: one["outcome"] for one in json.loads(done.stdout)}


def asks(
    chip: str, runs: bytes, server: RunningServer, flash: Path
) -> tuple[UpdateResult, bytes | None]:
    """Lets a device ask that runs an image and says no version, as old sketches do."""
    flash.write_bytes(runs)
    outcome = run(DeviceOptions(chip=chip, flash=flash), server.url, "/update/sensor/board")  # type: ignore[arg-type]
    return outcome.result, outcome.image


@pytest.mark.parametrize("chip", ["esp8266", "esp32"])
def test_a_device_that_runs_an_old_image_is_known_and_gets_the_newer_one(
    chip: str, tmp_path: Path
) -> None:
    catalog, folder, flash = tmp_path / "catalog", tmp_path / "old", tmp_path / "flash.bin"
    catalog.mkdir()
    folder.mkdir()
    old = OLD[chip]
    for version, image in old.items():
        (folder / f"sensor_v{version}.bin").write_bytes(image)
    with running_server(catalog, tmp_path) as server:
        token = create_token(tmp_path / "state", "sensor")
        first = imported(folder, server, token)
        assert first == dict.fromkeys(("1.9.0", "1.10.0", "1.11.0"), "published")
        assert asks(chip, old["1.9"], server, flash) == (UpdateResult.UPDATED, old["1.11"])
        assert asks(chip, old["1.11"], server, flash) == (UpdateResult.NO_UPDATE, None)
        # From here on the product goes on with stamps, and an older file that turns up is kept,
        # and is offered to nobody.
        late = built(chip, 8)
        (folder / "sensor_v1.8.bin").write_bytes(late)
        again = imported(folder, server, token)
        assert again == {**dict.fromkeys(first, "already published"), "1.8.0": "published"}
        assert asks(chip, old["1.11"], server, flash) == (UpdateResult.NO_UPDATE, None)
        assert asks(chip, late, server, flash) == (UpdateResult.UPDATED, old["1.11"])
        new = tmp_path / "new.bin"
        new.write_bytes(built(chip, 20, record=True))
        acpublish.publish(
            new, to=server.url, product="sensor", version="2.0.0", board="board", token=token
        )
        for runs in (*old.values(), late):
            result, image = asks(chip, runs, server, flash)
            assert result is UpdateResult.UPDATED
            assert acpublish.read_image(flash).stamp is not None
            assert image == flash.read_bytes()


def test_an_import_that_is_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    catalog, folder = tmp_path / "catalog", tmp_path / "old"
    catalog.mkdir()
    folder.mkdir()
    for number in range(12):
        (folder / f"sensor_v1.{number}.bin").write_bytes(built("esp8266", number))
    with running_server(catalog, tmp_path) as server:
        token = create_token(tmp_path / "state", "*")
        with subprocess.Popen(
            command(folder, server),
            env={**os.environ, "ACPUBLISH_TOKEN": token},
            stdout=subprocess.PIPE,
            text=True,
        ) as cut:
            assert cut.stdout is not None
            for line in cut.stdout:
                if line.startswith("sensor 1.2.0 "):
                    cut.kill()
                    break
        held = {str(one.version) for one in DirectoryCatalog(catalog).releases("sensor")}
        assert {"1.0.0", "1.1.0", "1.2.0"} <= held <= {f"1.{number}.0" for number in range(12)}
        outcomes = imported(folder, server, token)
        assert {one for one in outcomes if outcomes[one] == "already published"} == held
        assert len(outcomes) == 12
        result, image = asks("esp8266", built("esp8266", 0), server, tmp_path / "flash.bin")
        assert (result, image) == (UpdateResult.UPDATED, built("esp8266", 11))
