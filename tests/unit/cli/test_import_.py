"""``acpublish import`` into a directory: the table, the order, and what is left out."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.publishing.importing import ARCHIVE
from acpublish.release.decision import choose
from acpublish.release.manifest import Release
from tests.support import images
from tests.support.proxy import answering, between, pass_on
from tests.support.server import running_server
from tests.support.tokens import create_token
from tests.unit.cli.invoking import CommandLine, Said

BOARD = ("--board", "d1_mini")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Images from before acpublish, with names that sort in another order than their versions."""
    folder = tmp_path / "old"
    folder.mkdir()
    for seed, version in enumerate(("1.9", "1.10", "1.2", "2.0-rc1")):
        image = images.esp8266_image(record=False, seed=seed)
        (folder / f"Sensor_v{version}.bin").write_bytes(image)
    return folder


def releases(catalog: Path, product: str = "sensor") -> dict[str, Release]:
    return {str(one.version): one for one in DirectoryCatalog(catalog).releases(product)}


def files(catalog: Path) -> list[str]:
    return sorted(path.name for path in catalog.rglob("*.bin"))


def test_a_dry_run_shows_the_table_and_writes_nothing(
    acpublish: CommandLine, old: Path, catalog: Path
) -> None:
    said = acpublish("import", old, "--to", catalog, *BOARD, "--dry-run")
    assert (said.status, said.err) == (0, "")
    assert [line.split() for line in said.out.splitlines()] == [
        ["file", "product", "version", "board", "chip", "what", "would", "happen"],
        *(
            [f"Sensor_v{name}.bin", "sensor", version, "d1_mini", "esp8266", "published,", channel]
            for name, version, channel in (
                ("1.2", "1.2.0", "stable"),
                ("1.9", "1.9.0", "stable"),
                ("1.10", "1.10.0", "stable"),
                ("2.0-rc1", "2.0.0-rc1", "beta"),
            )
        ),
    ]
    assert list(catalog.iterdir()) == []


def test_releases_hold_the_bytes_of_the_files_and_the_channel_points_at_the_newest(
    acpublish: CommandLine, old: Path, catalog: Path
) -> None:
    said = acpublish("import", old, "--to", catalog, *BOARD, "--yes")
    assert (said.status, said.err) == (0, "")
    assert said.out.endswith(f"4 of 4 files are in the catalog\n{catalog}\n")
    found = releases(catalog)
    assert set(found) == {"1.2.0", "1.9.0", "1.10.0", "2.0.0-rc1"}
    for path in old.iterdir():
        text = path.stem.partition("_v")[2]
        version = f"{text}.0" if "-" not in text else "2.0.0-rc1"
        visible = catalog / "sensor" / f"sensor-{version}_d1_mini.bin"
        assert visible.read_bytes() == path.read_bytes()
        assert found[version].images[0].provenance == {"imported_from": path.name}
    for channel, version in (("stable", "1.10.0"), ("beta", "2.0.0-rc1")):
        target = choose(found.values(), "d1_mini", channel)
        assert target is not None
        assert str(target.release.version) == version


def test_again_has_nothing_to_do_and_asks_nothing(
    acpublish: CommandLine, old: Path, catalog: Path
) -> None:
    words = ("import", old, "--to", catalog, *BOARD)
    acpublish(*words, "--yes")
    before = releases(catalog)
    said = acpublish(*words)
    assert said.status == 0
    assert said.out.count("nothing (already published), stable") == 3
    assert said.out.count("nothing (already published), beta") == 1
    assert releases(catalog) == before


def test_what_comes_late_is_offered_to_no_device(
    acpublish: CommandLine, old: Path, catalog: Path
) -> None:
    late = old / "Sensor_v1.9.bin"
    kept = late.read_bytes()
    late.unlink()
    words = ("import", old, "--to", catalog, *BOARD, "--yes")
    acpublish(*words)
    late.write_bytes(kept)
    said = acpublish(*words)
    assert f"sensor 1.9.0 for d1_mini ({ARCHIVE}): published" in said.out
    assert set(releases(catalog)["1.9.0"].images[0].channels) == {ARCHIVE}
    assert acpublish(*words).out.count("nothing (already published)") == 4
    # An import never moves a channel back, whichever it is.
    said = acpublish(*words, "--channel", "beta")
    assert said.out.count("nothing (already published), stable") == 2
    assert said.out.count("nothing (already published), archive") == 1
    assert said.out.count("nothing (already published), beta") == 1
    said = acpublish(*words, "--channel", "test")
    assert "sensor 1.9.0 for d1_mini (test): added to the channel" in said.out


def test_without_a_terminal_nothing_is_done_before_yes(
    acpublish: CommandLine, old: Path, catalog: Path
) -> None:
    said = acpublish("import", old, "--to", catalog, *BOARD)
    assert said.status == 2
    assert "run it again with --yes" in said.err
    assert said.out.startswith("file ")
    assert list(catalog.iterdir()) == []
    said = acpublish("import", old, "--to", catalog, *BOARD, "--json")
    assert "Add --yes" in said.problem()["hint"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1), ("", 1)])
def test_a_terminal_is_asked(
    acpublish: CommandLine,
    old: Path,
    catalog: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    said = acpublish("import", old, "--to", catalog, *BOARD)
    assert said.status == status
    assert "Import these files?" in said.out
    assert bool(releases(catalog)) == (status == 0)
    assert ("nothing was imported" in said.out) == (status == 1)


def test_stamps_and_descriptors_win_over_names_and_options_over_both(
    acpublish: CommandLine, tmp_path: Path, catalog: Path
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    described = {
        "a_v1.0.bin": images.esp32_image(project="Lamp", version="v2.3-dirty"),
        "b_v1.1.bin": images.esp32_image(seed=1),
        "c_v1.2.bin": images.esp8266_image(product="lamp", version="0.9.0"),
        "d_v1.3.bin": images.esp32_image(project="lamp", version="1"),
        "e_v1.4.bin": images.esp8266_image(),
    }
    for name, image in described.items():
        (old / name).write_bytes(image)
    words = ("import", old, "--to", catalog, "--board", "x", "--json")
    found = {one["file"]: one for one in acpublish(*words, "--dry-run").json()}
    assert {name: (one["product"], one["version"]) for name, one in found.items()} == {
        "a_v1.0.bin": ("lamp", "2.3.0-dirty"),
        "b_v1.1.bin": ("b", "1.1.0"),
        "c_v1.2.bin": ("lamp", "0.9.0"),
        "d_v1.3.bin": ("lamp", "1.3.0"),
        "e_v1.4.bin": ("e", "1.4.0"),
    }
    done = acpublish("import", old, "--to", catalog, *BOARD, "--product", "p", "--yes", "--json")
    # The chips differ, so the board cannot be the same for all.
    held = [one for one in done.json() if one["outcome"]]
    assert {one["product"] for one in done.json()} == {"p"}
    assert 0 < len(held) < len(described)
    assert done.status == 7
    for one in held:
        visible = catalog / "p" / f"p-{one['version']}_d1_mini.bin"
        assert visible.read_bytes() == described[one["file"]]


def problems(said: Said) -> dict[str, str]:
    lines = [line.removeprefix("acpublish: error: ") for line in said.err.splitlines()]
    return dict(line.split(": ", 1) for line in lines)


def test_each_problem_is_one_line_and_the_rest_is_imported(
    acpublish: CommandLine, old: Path, catalog: Path
) -> None:
    bad = {
        "notes_v1.0.bin": b"hello",
        "sensor.bin": images.esp8266_image(seed=9),
        "boot_v1.0.bin": images.bootloader(),
        "cut_v1.0.bin": images.esp8266_image()[:-100],
        "sensor_v1.2.0.bin": images.esp8266_image(seed=8),
        "sensor_v3.0.bin": images.esp32_image(),
    }
    for name, content in bad.items():
        (old / name).write_bytes(content)
    (old / "readme.txt").write_text("no image")
    (old / ".hidden.bin").write_bytes(b"x")
    said = acpublish("import", old, "--to", catalog, *BOARD, "--yes")
    assert said.status == 7
    found = problems(said)
    assert set(found) == set(bad)
    assert "wrong-kind" in found["notes_v1.0.bin"]
    assert "contains the version. Rename the file" in found["sensor.bin"]
    assert "bootloader" in found["boot_v1.0.bin"]
    assert "damaged" in found["cut_v1.0.bin"]
    assert "different bytes" in found["sensor_v1.2.0.bin"]
    assert "chip" in found["sensor_v3.0.bin"]
    assert said.out.count("left out") == len(bad)
    assert "4 of 10 files are in the catalog" in said.out
    assert set(releases(catalog)) == {"1.2.0", "1.9.0", "1.10.0", "2.0.0-rc1"}


def test_what_is_no_file_is_named_and_what_lacks_a_version_is_told_how(
    acpublish: CommandLine, tmp_path: Path, catalog: Path
) -> None:
    old = tmp_path / "odd"
    old.mkdir()
    (old / "lamp_v1.0_d1.bin").symlink_to("gone")
    (old / "lamp.bin").write_bytes(images.esp8266_image())
    said = acpublish("import", old, "--to", catalog, "--yes", "--board", "d1")
    assert said.status != 0
    assert "a broken link" in said.err + said.out
    assert (
        "lamp.bin: neither the image nor its file name contains the version. Rename the file, such "
        "as sensor_v1.2.bin, or use --pattern, such as '{product}_v{version}_{board}.bin'.\n"
    ) in said.err


def test_a_name_that_does_not_match_the_pattern_is_called_that(
    acpublish: CommandLine, tmp_path: Path, catalog: Path
) -> None:
    old = tmp_path / "odd"
    old.mkdir()
    (old / "lamp_v1.0_d1.bin").write_bytes(images.esp8266_image())
    names = ("--product", "lamp", "--board", "d1")
    said = acpublish("import", old, "--to", catalog, "--yes", *names, "--pattern", "r{version}.bin")
    assert (
        "lamp_v1.0_d1.bin: its name does not match the pattern, and the image does not contain the "
        "version. Change --pattern, or rename the file."
    ) in said.err


def test_a_file_is_not_a_folder(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    said = acpublish("import", firmware, "--to", catalog, "--yes")
    assert f"{firmware} cannot be read: it is not a folder." in said.error()


def test_without_a_board_nothing_is_imported(
    acpublish: CommandLine, old: Path, catalog: Path
) -> None:
    said = acpublish("import", old, "--to", catalog, "--yes")
    assert said.status == 2
    assert set(problems(said).values()) == {
        "neither the image nor its file name contains the board. Use --pattern, such as "
        "'{product}_v{version}_{board}.bin', or --board for all files."
    }
    assert list(catalog.iterdir()) == []


def test_a_pattern_looks_into_folders(
    acpublish: CommandLine, tmp_path: Path, catalog: Path
) -> None:
    (tmp_path / "old" / "lamp").mkdir(parents=True)
    (tmp_path / "old" / "lamp" / "fw1.5-nodemcu.bin").write_bytes(images.esp8266_image())
    (tmp_path / "old" / "lamp" / "fs1.5-nodemcu.bin").write_bytes(images.littlefs())
    words = ("--pattern", "{product}/f*{version}-{board}.bin", "--to", catalog, "--yes")
    said = acpublish("import", tmp_path / "old", *words)
    assert (said.status, said.err) == (0, "")
    assert {"lamp-1.5.0_nodemcu.bin", "lamp-1.5.0_nodemcu.fs.bin"} <= set(files(catalog))


@pytest.mark.parametrize("name", ["missing", "empty", "old/Sensor_v1.2.bin"])
def test_no_folder_of_images(
    acpublish: CommandLine, old: Path, catalog: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    said = acpublish("import", tmp_path / name, "--to", catalog, *BOARD, "--yes")
    assert said.status == 2
    assert name in said.error()


def test_a_signed_image_is_imported_as_it_is(
    acpublish: CommandLine, tmp_path: Path, catalog: Path
) -> None:
    (tmp_path / "old").mkdir()
    signed = images.signed_esp32(images.esp32_image())
    (tmp_path / "old" / "lamp_v1.0.bin").write_bytes(signed)
    said = acpublish("import", tmp_path / "old", "--to", catalog, "--board", "c3", "--yes")
    assert (said.status, said.err) == (0, "")
    assert (catalog / "lamp" / "lamp-1.0.0_c3.bin").read_bytes() == signed


def test_what_was_imported_before_a_failure_is_in_the_problem(
    acpublish: CommandLine,
    old: Path,
    catalog: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(tmp_path / "state", "sensor"))
    with (
        running_server(catalog, tmp_path) as server,
        between(server, pass_on, answering("403 Forbidden")) as proxy,
    ):
        problem = acpublish("import", old, "--to", proxy.url, *BOARD, "--yes", "--json").problem()
    assert problem["error"].startswith("Sensor_v1.9.bin: ")
    assert [each["file"] for each in problem["published"]] == ["Sensor_v1.2.bin"]
    assert files(catalog) == ["sensor-1.2.0_d1_mini.bin"]
