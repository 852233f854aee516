"""Importing: what goes where, and what a fault on the way leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acpublish import api
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import CatalogError, CheckError, NotAnImageError, SettingsError
from acpublish.publishing.importing import ARCHIVE, BETA, carry_out, plan_import
from acpublish.publishing.options import Destination, ImportOptions
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.decision import choose
from acpublish.release.filenames import NamePattern
from acpublish.release.submission import Outcome, Receipt, Submission
from tests.support import images

VERSIONS = ("1.0", "1.1", "1.2")


class Failing(DirectoryCatalog):
    """A catalog whose disk is full at the second image."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.left = 1

    def put(  # type: ignore[override]
        self, candidate: Candidate, submission: Submission
    ) -> Receipt:
        if not self.left:
            raise CatalogError("the disk is full", hint="Make room.")
        self.left -= 1
        return super().put(candidate, submission)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    for seed, version in enumerate(VERSIONS):
        (folder / f"lamp_v{version}.bin").write_bytes(images.esp8266_image(seed=seed))
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> DirectoryCatalog:
    (tmp_path / "catalog").mkdir()
    return DirectoryCatalog(tmp_path / "catalog")


def options(catalog: DirectoryCatalog, **more: object) -> ImportOptions:
    known = {"board": names.board("d1"), **more}
    destination = Destination(to=str(catalog.root))
    return ImportOptions(destination=destination, pattern=NamePattern(), **known)  # type: ignore[arg-type]


def channels(catalog: DirectoryCatalog) -> dict[str, list[str]]:
    return {str(one.version): list(one.images[0].channels) for one in catalog.releases("lamp")}


def pointed_at(catalog: DirectoryCatalog) -> dict[str, str]:
    """Returns the version that each channel of devices points at for the board."""
    targets = {
        channel: choose(catalog.releases("lamp"), "d1", channel)
        for channel in ("stable", "beta", "dev")
    }
    return {channel: str(target.release.version) for channel, target in targets.items() if target}


def test_a_fault_names_the_file_and_the_next_run_completes(
    folder: Path, catalog: DirectoryCatalog
) -> None:
    full = Failing(catalog.root)
    plan = plan_import(folder, options(catalog), full)
    with pytest.raises(CatalogError, match=r"^lamp_v1\.1\.bin: the disk is full"):
        list(carry_out(plan, full))
    assert set(channels(catalog)) == {"1.0.0"}
    done = list(carry_out(plan_import(folder, options(catalog), catalog), catalog))
    outcomes = [one.publication.receipt.outcome for one in done if one.publication]
    assert outcomes == [Outcome.ALREADY_PUBLISHED, Outcome.PUBLISHED, Outcome.PUBLISHED]


@pytest.mark.parametrize("name", [b"lamp_v2.0_caf\xe9.bin", b"lamp_v2.0_\x1b[2J.bin"])
def test_a_name_that_no_response_could_contain_is_left_out_with_the_reason(
    folder: Path, catalog: DirectoryCatalog, name: bytes
) -> None:
    (folder / os.fsdecode(name)).write_bytes(images.esp8266_image(seed=9))
    given = options(catalog, product=names.product("lamp"))
    plan = plan_import(folder, given, catalog)
    refused = [entry for entry in plan if entry.error]
    assert len(refused) == 1
    assert "the name of the file" in str(refused[0].error)
    assert "Rename the file" in str(refused[0].error)
    assert len(list(carry_out(plan, catalog))) == len(VERSIONS)


def test_a_file_that_goes_away_meanwhile(folder: Path, catalog: DirectoryCatalog) -> None:
    plan = plan_import(folder, options(catalog), catalog)
    (folder / "lamp_v1.0.bin").unlink()
    with pytest.raises(NotAnImageError, match=r"lamp_v1\.0\.bin"):
        list(carry_out(plan, catalog))
    assert channels(catalog) == {}


def test_a_folder_that_is_the_catalog_itself(folder: Path) -> None:
    catalog = DirectoryCatalog(folder)
    for _ in range(2):
        plan = plan_import(folder, options(catalog), catalog)
        assert [one.file.name for one in plan] == [f"lamp_v{one}.bin" for one in VERSIONS]
        list(carry_out(plan, catalog))
    assert set(channels(catalog)) == {"1.0.0", "1.1.0", "1.2.0"}


def test_what_is_older_than_what_is_offered_goes_to_the_archive_for_its_board_alone(
    folder: Path, catalog: DirectoryCatalog
) -> None:
    for name in ("lamp_v1.0.bin", "lamp_v1.1.bin"):
        (folder / name).rename(folder / f"{name}.late")
    list(carry_out(plan_import(folder, options(catalog), catalog), catalog))
    for name in ("lamp_v1.0.bin", "lamp_v1.1.bin"):
        (folder / f"{name}.late").rename(folder / name)
    list(carry_out(plan_import(folder, options(catalog), catalog), catalog))
    expected = {"1.0.0": [ARCHIVE], "1.1.0": [ARCHIVE], "1.2.0": ["stable"]}
    assert channels(catalog) == expected
    archived, stable = (
        {key for release in catalog.releases("lamp") for image in release.images
         if channel in image.channels for key in image.skipped_checks}
        for channel in (ARCHIVE, "stable")
    )  # fmt: skip
    assert ("version-order" in archived, "version-order" in stable) == (True, False)
    other = options(catalog, board=names.board("nodemcu"))
    planned = plan_import(folder, other, catalog)
    assert {one.publication.submission.channel for one in planned if one.publication} == {"stable"}


def test_what_comes_before_a_release_is_not_on_stable(
    folder: Path, catalog: DirectoryCatalog
) -> None:
    for seed, version in enumerate(
        ("1.2-rc1", "1.3-rc.2", "1.3-dev.4", "1.2-7-gabc1234", "1.3-rc.1")
    ):
        (folder / f"lamp_v{version}.bin").write_bytes(images.esp8266_image(seed=10 + seed))
    for _ in range(2):
        list(carry_out(plan_import(folder, options(catalog), catalog), catalog))
        assert channels(catalog) == {
            "1.0.0": ["stable"],
            "1.1.0": ["stable"],
            "1.2.0-rc1": [ARCHIVE],
            "1.2.0": ["stable"],
            "1.2.1-dev.7+gabc1234": ["dev"],
            "1.3.0-dev.4": ["dev"],
            "1.3.0-rc.1": [BETA],
            "1.3.0-rc.2": [BETA],
        }
        assert pointed_at(catalog) == {
            "stable": "1.2.0",
            "beta": "1.3.0-rc.2",
            "dev": "1.3.0-dev.4",
        }


def test_what_an_earlier_version_put_on_stable_stays_there(
    folder: Path, catalog: DirectoryCatalog
) -> None:
    (folder / "lamp_v1.3-rc1.bin").write_bytes(images.esp8266_image(seed=10))
    stable = options(catalog, channel=names.STABLE)
    list(carry_out(plan_import(folder, stable, catalog), catalog))
    before = catalog.releases("lamp")
    plan = plan_import(folder, options(catalog), catalog)
    outcomes = {entry.publication.receipt.outcome for entry in plan if entry.publication}
    assert outcomes == {Outcome.ALREADY_PUBLISHED}
    list(carry_out(plan, catalog))
    assert catalog.releases("lamp") == before


def test_no_channel_is_moved_back(folder: Path, catalog: DirectoryCatalog) -> None:
    for channel in (names.STABLE, names.channel("beta")):
        list(carry_out(plan_import(folder, options(catalog, channel=channel), catalog), catalog))
        name = folder / "lamp_v1.1.0.9.bin"
        name.write_bytes(images.esp8266_image(seed=20))
        list(carry_out(plan_import(folder, options(catalog, channel=channel), catalog), catalog))
        assert pointed_at(catalog)[channel] == "1.2.0"


def test_a_name_in_doubt_is_left_out_with_what_decides(
    folder: Path, catalog: DirectoryCatalog
) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / "lamp_d1_mini_v1.2.bin").write_bytes(images.esp8266_image())
    (entry,) = plan_import(folder, options(catalog, board=None), catalog)
    assert isinstance(entry.error, SettingsError)
    assert "lamp_d1_mini 1.2.0, or as lamp 1.2.0 for d1_mini" in entry.error.problem
    assert "--product lamp_d1_mini or --product lamp," in entry.error.hint
    (folder / "lamp_v1.2_d1 (1).bin").write_bytes(images.esp8266_image())
    entry = plan_import(folder, options(catalog, board=None), catalog)[-1]
    assert entry.error is not None
    assert entry.error.hint.startswith("Use --board d1, or say how")
    (folder / "v1.2_a_lamp_of_many_words.bin").write_bytes(images.esp8266_image())
    entry = plan_import(folder, options(catalog, board=None), catalog)[-1]
    assert entry.error is not None
    assert "other ways" in str(entry.error)


def test_a_product_that_trusts_keys_takes_signed_images_only(
    folder: Path, catalog: DirectoryCatalog, tmp_path: Path
) -> None:
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    public.write_text(api.create_key(key).pem, encoding="utf-8")
    api.trust_keys(catalog.root, product="lamp", add=public)
    plan = plan_import(folder, options(catalog), catalog)
    assert [type(one.error) for one in plan] == [CheckError] * 3
    plan = plan_import(folder, options(catalog, signing_key=key), catalog)
    list(carry_out(plan, catalog))
    assert len(catalog.releases("lamp")) == 3
