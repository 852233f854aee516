"""``acpublish simulate --to URL``: a fleet in front of a real server, as a table and as JSON."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from acpublish import publish
from acpublish.server.device_access_file import DeviceAccessStore
from tests.support import images
from tests.support.server import running_server
from tests.unit.cli.invoking import CommandLine

FAST = ("--devices", "8", "--speed", "1000000", "--profile", "healthy")
PASSWORD = "a password of devices"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server with two releases of two products, one of which needs credentials."""
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "catalog").mkdir()
    for product in ("lamp", "porch"):
        for seed, version in enumerate(("1.0.0", "1.1.0")):
            (folder / "new.bin").write_bytes(images.esp8266_image(seed=seed))
            names = {"product": product, "version": version, "board": "d1_mini"}
            publish(folder / "new.bin", to=folder / "catalog", **names)
    store = DeviceAccessStore(folder / "state")
    store.set_credentials("porch", "fleet", PASSWORD)
    path, _ = store.create_path(["porch"])
    with running_server(folder / "catalog", folder) as server:
        yield SimpleNamespace(url=server.url, port=server.port, path=path)


def test_a_fleet_is_a_table_and_a_curve(acpublish: CommandLine, site: SimpleNamespace) -> None:
    said = acpublish("simulate", "--to", site.url, "--product", "lamp", "--from", "1.0.0", *FAST)
    assert said.status == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == "healthy: every device boots the new release"
    assert lines[2].split() == [
        *("board", "devices", "offered", "delivered"),
        *("running", "failed", "unrecognised", "pending"),
    ]
    assert lines[3].split() == ["d1_mini", "8", "8", "8", "8", "0", "0", "0"]
    assert lines[5].startswith("lamp 1.1.0, ")
    assert "8 run 1.1.0" in lines[6]
    assert len([line for line in lines if "|" in line]) == 8
    news, timing = said.err.splitlines()[:2]
    assert news.startswith("the first device has received 1.1.0 after ")
    assert "requests in " in timing
    # Nothing is left to do, so nobody draws anything.
    again = acpublish("simulate", "--to", site.url, "--product", "lamp", *FAST, "--for", "1d")
    assert "no device has received another release of lamp" in again.out
    assert "|" not in again.out


def test_credentials_of_devices_and_a_secret_path_are_used(
    acpublish: CommandLine, site: SimpleNamespace
) -> None:
    words = ("--product", "porch", "--from", "1.0.0", *FAST, "--json")
    authority = f"127.0.0.1:{site.port}"
    refused = acpublish("simulate", "--to", site.url, *words, "--for", "1d")
    assert refused.json()["runs"] == {"1.0.0": 8}
    assert list(refused.json()["failures"]) == ["Unauthorized (401)"]
    for url in (
        f"http://fleet:{PASSWORD.replace(' ', '%20')}@{authority}",
        f"http://{authority}{site.path}",
    ):
        said = acpublish("simulate", "--to", url, *words)
        assert said.json()["runs"] == {"1.1.0": 8}, said.err
        assert PASSWORD not in said.out + said.err
        assert site.path not in said.out + said.err


def test_ctrl_c_ends_it_with_what_has_come_so_far(site: SimpleNamespace, tmp_path: Path) -> None:
    words = ("simulate", "--to", site.url, "--product", "lamp", "--from", "1.0.0", "--json")
    with subprocess.Popen(
        [sys.executable, "-m", "acpublish", *words, "--devices", "20", "--speed", "20000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "the first device has received 1.1.0" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    document = json.loads(out)
    assert document["version"] == "1.1.0"
    assert document["downloads"] >= 1
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--to", "http://127.0.0.1:9"), "--to needs --product"),
        (("--product", "lamp"), "--product needs a server; add --to URL"),
        (("--for", "2d"), "--for needs a server"),
        (("--board", "d1_mini"), "--board needs a server"),
        (("--from", "1.0.0"), "--from needs a server"),
        (("--to", "URL", "--product", "lamp", "--soak", "1h"), "--soak cannot be combined"),
        (("--to", "URL", "--product", "lamp", "--on-halt", "stop"), "--on-halt cannot be"),
        (("--to", "folder", "--product", "lamp"), "accepts only http:// and https:// URLs"),
        (("--to", "URL", "--product", "nothing"), "the server has no releases of nothing"),
        (("--to", "URL", "--product", "No Name"), "the product name 'No Name' is invalid"),
        (("--to", "URL", "--product", "lamp", "--channel", "beta"), "beta has no release"),
        (("--to", "URL", "--product", "lamp", "--board", "c3"), "no release of lamp for c3"),
        (("--to", "URL", "--product", "lamp", "--from", "7"), "there is no release '7' of lamp"),
        (("--to", "URL", "--product", "lamp", "--for", "soon"), "'soon' is not a duration"),
        (("--to", "URL", "--product", "lamp", "--devices", "100001"), "too many for a server"),
        (("--to", "URL", "--product", "lamp", "--speed", "0"), "is not in the range"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    acpublish: CommandLine, site: SimpleNamespace, words: tuple[str, ...], problem: str
) -> None:
    said = acpublish("simulate", *(site.url if word == "URL" else word for word in words))
    assert said.status in (2, 7, 8)
    assert problem in said.error()


def test_a_server_that_is_not_there_is_one_line(acpublish: CommandLine) -> None:
    said = acpublish("simulate", "--to", "http://me:s3cret@127.0.0.1:9", "--product", "lamp")
    assert said.status == 5
    assert "cannot be reached" in said.error()
    assert "s3cret" not in said.err
