"""The examples in the docstrings of the Python API run as they are written."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from typing import Any

import pytest

import acpublish
from tests.support import images
from tests.support.server import running_server

DATA = images.esp8266_image()


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    path = tmp_path / "firmware.bin"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


FUNCTIONS = sorted(
    name for name in acpublish.__all__ if inspect.isfunction(getattr(acpublish, name))
)


def run_example(of: object, name: str, **replaced: str) -> None:
    """Runs the example in a docstring, with some of its texts replaced."""
    (test,) = doctest.DocTestFinder(recurse=False).find(of, name)
    assert test.examples, "the docstring has no example"
    for example in test.examples:
        for old, new in replaced.items():
            example.source = example.source.replace(old, new)
    said: list[str] = []
    result = doctest.DocTestRunner().run(test, out=said.append)
    assert (result.failed, result.attempted) == (0, len(test.examples)), "".join(said)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_each_function_runs(
    name: str, firmware: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(firmware.parent)
    function = getattr(acpublish, name)
    if function.__module__ in ("acpublish.offering", "acpublish.policies"):
        # Its example is about what is published already.
        place: dict[str, Any] = {"to": catalog, "product": "lamp", "board": "d1_mini"}
        for version in ("1.2.2", "1.2.3"):
            acpublish.publish(firmware, version=version, **place)
    if name in ("clear_policy", "policy_of"):
        acpublish.set_policy("lamp", "stable", to=catalog, stages="1,10%,100%")
    run_example(function, name)


def test_the_example_of_the_client_runs(
    firmware: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(firmware.parent)
    acpublish.publish(firmware, to=catalog, product="lamp", version="1.2.3", board="d1_mini")
    with running_server(catalog, firmware.parent) as server:
        address = "http://192.168.1.10:8000"
        run_example(acpublish.UpdateServer, "UpdateServer", **{address: server.url})
    assert (firmware.parent / "downloaded.bin").is_file()


def test_the_example_of_the_fleet_runs(tmp_path: Path) -> None:
    from tests.support.tokens import create_token
    from tests.unit.control.asking import Asking

    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    with fleet.stored() as store:
        device = fleet.ask(1)
        device.name, device.obstacle = "kitchen", "does-not-fit"
        store.keep(device)
    token = create_token(fleet.folder, read=True)
    with running_server(fleet.catalog.root, tmp_path) as server:
        replaced = {"http://192.168.1.10:8000": server.url, "token": repr(token)}
        run_example(acpublish.FleetClient, "FleetClient", **replaced)
