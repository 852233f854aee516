"""``acpublish diff``: what it prints in 80 columns, and as JSON."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import acpublish as api
from tests.support import images
from tests.unit.cli.invoking import CommandLine

LONG = "1.2.0-dev.3+gabc12345678.abcdef"


@pytest.fixture
def releases(catalog: Path, firmware: Path) -> Path:
    """A catalog with three releases of one board, the middle one also for another board."""
    built = (
        ("1.0.0", 300_000, "d1_mini", "ArduinoJson 6.21.5, AutoConnect 1.4.1"),
        ("1.1.0", 308_000, "d1_mini", "ArduinoJson 7.0.0, AutoConnect 1.4.1"),
        ("1.1.0", 310_000, "nodemcuv2", ""),
        (LONG, 333_008, "d1_mini", "ArduinoJson 7.0.0"),
    )
    for version, size, board, libraries in built:
        firmware.write_bytes(images.esp8266_image(size=size))
        api.publish(
            firmware,
            to=catalog,
            product="lamp",
            version=version,
            board=board,
            provenance={"libraries": libraries},
        )
    return catalog


def test_two_releases_in_80_columns(acpublish: CommandLine, releases: Path) -> None:
    said = acpublish("diff", "lamp@1.0.0", f"lamp@{LONG}", "--to", releases)
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "old  lamp@1.0.0 for d1_mini, 300000 bytes"
    assert lines[1] == f"new  lamp@{LONG} for d1_mini, 333008 bytes"
    assert lines[2].startswith("+33008 bytes (+11.0 %), ")
    assert lines[2].endswith(" % of the bytes differ")
    assert "library AutoConnect  1.4.1   -" in lines
    assert "library ArduinoJson  6.21.5  7.0.0" in lines
    trend = [line for line in lines if line.endswith("█") or line[-1:] in set("▏▎▍▌▋▊▉")]
    assert [line.split()[:2] for line in trend] == [
        ["1.0.0", "old"],
        ["1.1.0", "308000"],
        [LONG[:21] + "...", "new"],
    ]


def test_where_stdout_has_no_blocks_the_chart_is_ascii(
    acpublish: CommandLine, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    status = acpublish("diff", "lamp@1.0.0", f"lamp@{LONG}", "--to", releases).status
    ascii_only.flush()
    assert status == 0
    assert b"  ########################\n" in ascii_only.buffer.getvalue()  # type: ignore[attr-defined]


def test_json(acpublish: CommandLine, releases: Path) -> None:
    said = acpublish("diff", "lamp@1.0.0", f"lamp@{LONG}", "--to", releases, "--json").json()
    assert said["old"] == {"name": "lamp@1.0.0", "board": "d1_mini", "size": 300_000}
    assert said["delta"] == 33_008
    assert 0 < said["share"] < 1
    assert {"name": "stamp", "old": "lamp 1.0.0", "new": f"lamp {LONG}"} in said["changes"]
    assert {"name": "library AutoConnect", "old": "1.4.1", "new": None} in said["build"]
    assert [one["size"] for one in said["trend"]] == [300_000, 308_000, 333_008]
    assert set(said["segments"][0]) == {"address", "old", "new", "delta", "different", "share"}


def test_files(acpublish: CommandLine, tmp_path: Path) -> None:
    old, new = tmp_path / "old@1.0.0.bin", tmp_path / "new.bin"
    old.write_bytes(images.esp32_image("esp32c3"))
    new.write_bytes(images.esp32_image("esp32c3"))
    said = acpublish("diff", old, new)
    assert said.out.splitlines()[2] == "the same bytes"
    new.write_bytes(images.esp32_image("esp32c3", version="v9"))
    said = acpublish("diff", old, new)
    assert "descriptor.version  v5.1.4  v9" in said.out
    assert "release" not in said.out


def test_a_file_against_a_release(acpublish: CommandLine, releases: Path, firmware: Path) -> None:
    said = acpublish("diff", "lamp@1.0.0", firmware, "--to", releases, "--last", "2", "--json")
    document = said.json()
    assert (document["new"]["board"], document["build"]) == (None, [])
    assert len(document["trend"]) == 2


@pytest.mark.parametrize(
    ("words", "status", "problem"),
    [
        (("lamp@1.0.0", "lamp@1.1.0"), 2, "lamp@1.0.0 is a release, but no catalog is given"),
        (("lamp@9.0.0", "lamp@1.1.0", "--to", "C"), 8, "there is no release lamp 9.0.0"),
        (("gone@1.0.0", "lamp@1.1.0", "--to", "C"), 8, "there is no release gone 1.0.0"),
        (("lamp@1.0.0", "lamp@1.1.0", "--to", "C"), 2, "lamp 1.1.0 has images for several boards"),
        (("lamp@1.0.0", "x.bin", "--to", "C", "--board", "c3"), 8, "no firmware for c3"),
        (("lamp@1.0.0", "x.bin", "--to", "C", "--kind", "filesystem"), 8, "no filesystem for any"),
        (("lamp@new", "x.bin", "--to", "C"), 7, "'new'"),
        (("lamp@1.0.0", "x.bin", "--to", "C", "--kind", "x"), 2, "--kind: 'x' is not a kind"),
        (("no.bin", "x.bin"), 7, "no.bin cannot be read"),
    ],
)
def test_what_is_not_there(
    acpublish: CommandLine, releases: Path, words: tuple[str, ...], status: int, problem: str
) -> None:
    said = acpublish("diff", *(str(releases) if word == "C" else word for word in words))
    assert said.status == status
    assert problem in said.error()


def test_the_board_tells_which(acpublish: CommandLine, releases: Path) -> None:
    words = ("diff", "lamp@1.0.0", "lamp@1.1.0", "--to", releases, "--board", "d1_mini", "--json")
    assert acpublish(*words).json()["delta"] == 8_000
