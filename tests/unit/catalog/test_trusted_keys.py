"""Trusted keys of a catalog: what they admit and refuse, how they change, what a damage does."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.catalog import layout
from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import (
    CheckError,
    ManifestError,
    MissingExtraError,
    NotFoundError,
    SettingsError,
    UnconfirmedError,
)
from acpublish.image.reader import read
from acpublish.keys import PrivateKey, create_key
from acpublish.release.signatures import sign, submitted_statement
from acpublish.release.submission import Outcome, Receipt
from acpublish.release.version import Version
from tests.unit.catalog.holding import candidate, copy_in, image, put, submission

OLD, NEW, OTHER = create_key(), create_key(), create_key()


def put_signed(
    catalog: DirectoryCatalog, version: str, *keys: PrivateKey, channel: str = "stable"
) -> Receipt:
    wanted = submission(version, channel=channel)
    data = image(version)
    stated = submitted_statement(read(data), wanted)
    signed = replace(wanted, signatures=tuple(sign(stated, key) for key in keys))
    return catalog.put(candidate(data), signed)


def offered(catalog: DirectoryCatalog) -> list[str]:
    """Returns the versions that are offered, by a catalog that has been open all the time."""
    versions = sorted(str(release.version) for release in catalog.releases("lamp"))
    # A new look at the disk must come to the same.
    again = DirectoryCatalog(catalog.root).releases("lamp")
    assert versions == sorted(str(release.version) for release in again)
    return versions


@pytest.fixture
def catalog(tmp_path: Path) -> DirectoryCatalog:
    return DirectoryCatalog(tmp_path)


def test_a_product_takes_only_what_its_keys_signed(catalog: DirectoryCatalog) -> None:
    catalog.trust.trust("lamp", OLD.public)
    for keys in ((), (OTHER,)):
        with pytest.raises(CheckError, match=r"^signature: "):
            put_signed(catalog, "1.0.0", *keys)
    assert offered(catalog) == []
    put_signed(catalog, "1.0.0", OLD)
    assert offered(catalog) == ["1.0.0"]
    # Another product goes on as before.
    put(catalog, product="door")


def test_trusting_a_key_withholds_what_it_did_not_sign(catalog: DirectoryCatalog) -> None:
    put(catalog, "1.0.0")
    put_signed(catalog, "1.1.0", OLD)
    with pytest.raises(UnconfirmedError, match="withholds 1 of 2 releases of lamp") as error:
        catalog.trust.trust("lamp", OLD.public)
    assert "key resign" in error.value.hint
    command = f"acpublish key resign --to {catalog.root} --product lamp --key PEM"
    assert error.value.hint == (
        f"Sign them first ({command}), or pass confirmed=True to withhold them."
    )
    assert catalog.trusted_keys("lamp") == ()
    assert offered(catalog) == ["1.0.0", "1.1.0"]
    withheld = catalog.trust.trust("lamp", OLD.public, confirmed=True)
    assert withheld == ("lamp/lamp-1.0.0_d1.bin: it is not signed",)
    assert offered(catalog) == ["1.1.0"]
    files = CatalogFiles(catalog)
    assert files.locate(b"lamp/lamp-1.0.0_d1.bin") is None
    assert files.locate(b"lamp/lamp-1.1.0_d1.bin") is not None
    # The same bytes, published once more with the key, are a release again.
    assert put_signed(catalog, "1.0.0", OLD).outcome is Outcome.SIGNED
    assert put_signed(catalog, "1.0.0", OLD).outcome is Outcome.ALREADY_PUBLISHED
    assert offered(catalog) == ["1.0.0", "1.1.0"]


def test_a_withheld_release_keeps_no_signed_one_from_its_channel(
    catalog: DirectoryCatalog,
) -> None:
    put(catalog, "2.0.0")
    catalog.trust.trust("lamp", OLD.public, confirmed=True)
    receipt = put_signed(catalog, "1.5.0", OLD)
    assert "1.5.0 is lower than 2.0.0, which stable points at" in receipt.warnings[0]
    assert (receipt.points_at, offered(catalog)) == (Version.parse("1.5.0"), ["1.5.0"])


def test_a_manifest_that_is_copied_in_or_changed_is_withheld(
    catalog: DirectoryCatalog,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    catalog.trust.trust("lamp", OLD.public)
    put_signed(catalog, "1.0.0", OLD)
    elsewhere = DirectoryCatalog(tmp_path_factory.mktemp("elsewhere"))
    put(elsewhere, "2.0.0")
    put_signed(elsewhere, "2.1.0", OTHER)
    for version in ("2.0.0", "2.1.0"):
        path = layout.manifest(elsewhere.root, "lamp", submission(version).version)
        copy_in(catalog, version, path.read_bytes())
    assert offered(catalog) == ["1.0.0"]
    assert "withheld: lamp/lamp-2.0.0_d1.bin: it is not signed" in caplog.text
    assert f"signed with key {OTHER.public.id}, which is not trusted" in caplog.text

    path = layout.manifest(catalog.root, "lamp", submission("1.0.0").version)
    document = json.loads(path.read_bytes())
    document["images"][0]["sha256"] = "0" * 64
    fresh = path.with_suffix(".fresh")
    fresh.write_text(json.dumps(document))
    fresh.replace(path)
    assert offered(catalog) == []
    assert f"the signature of key {OLD.public.id} does not match it" in caplog.text


def test_a_reason_is_logged_once(
    catalog: DirectoryCatalog, caplog: pytest.LogCaptureFixture
) -> None:
    put(catalog, "1.0.0")
    catalog.trust.trust("lamp", OLD.public, confirmed=True)
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            catalog.releases("lamp")
    assert caplog.text.count("withheld") == 1


def test_at_most_two_keys(catalog: DirectoryCatalog) -> None:
    for key in (OLD, NEW, OLD):
        catalog.trust.trust("lamp", key.public)
    assert catalog.trusted_keys("lamp") == (OLD.public, NEW.public)
    with pytest.raises(SettingsError, match="already trusts two keys") as third:
        catalog.trust.trust("lamp", OTHER.public)
    command = f"acpublish key trust --to {catalog.root} --product lamp --remove {OLD.public.id}"
    assert third.value.hint == f"Remove one first: {command}"
    with pytest.raises(SettingsError, match="RSA key"):
        catalog.trust.trust("lamp", create_key("rsa").public)
    with pytest.raises(NotFoundError):
        catalog.trust.distrust("lamp", OTHER.public.id)
    catalog.trust.distrust("lamp", OLD.public.id)
    with pytest.raises(UnconfirmedError, match="the last key"):
        catalog.trust.distrust("lamp", NEW.public.id, force=True)
    assert catalog.trusted_keys("lamp") == (NEW.public,)
    catalog.trust.distrust("lamp", NEW.public.id, confirmed=True)
    assert catalog.trusted_keys("lamp") == ()
    put(catalog)


def test_a_key_is_rotated_without_a_gap(catalog: DirectoryCatalog) -> None:
    catalog.trust.trust("lamp", OLD.public)
    for version in ("1.0.0", "1.1.0"):
        put_signed(catalog, version, OLD)
    source = layout.manifest(catalog.root, "lamp", submission("1.0.0").version)
    copy_in(catalog, "0.9.0", source.read_bytes().replace(b"1.0.0", b"0.9.0"))

    def holds() -> None:
        assert offered(catalog) == ["1.0.0", "1.1.0"]
        with pytest.raises(CheckError, match=r"^signature: "):
            put_signed(catalog, "8.0.0", OTHER)

    holds()
    catalog.trust.trust("lamp", NEW.public)
    holds()
    # Too early: what only the old key signed would be withheld.
    with pytest.raises(SettingsError, match="resign"):
        catalog.trust.distrust("lamp", OLD.public.id)
    holds()
    done = catalog.trust.resign("lamp", NEW)
    assert done.signed == ("lamp/lamp-1.0.0_d1.bin", "lamp/lamp-1.1.0_d1.bin")
    assert [phrase.split(":")[0] for phrase in done.left_out] == ["lamp/lamp-0.9.0_d1.bin"]
    holds()
    again = catalog.trust.resign("lamp", NEW)
    assert (again.signed, again.already) == ((), 2)
    assert catalog.trust.distrust("lamp", OLD.public.id) == ()
    holds()
    with pytest.raises(CheckError, match=r"^signature: "):
        put_signed(catalog, "1.2.0", OLD)
    put_signed(catalog, "1.2.0", NEW)
    assert offered(catalog) == ["1.0.0", "1.1.0", "1.2.0"]


def test_a_lost_key_is_removed_by_force(catalog: DirectoryCatalog) -> None:
    catalog.trust.trust("lamp", OLD.public)
    catalog.trust.trust("lamp", NEW.public)
    put_signed(catalog, "1.0.0", OLD)
    put_signed(catalog, "1.1.0", NEW)
    withheld = catalog.trust.distrust("lamp", OLD.public.id, force=True)
    assert [phrase.split(":")[0] for phrase in withheld] == ["lamp/lamp-1.0.0_d1.bin"]
    assert offered(catalog) == ["1.1.0"]


def test_a_key_is_replaced_as_a_whole_or_not_at_all(catalog: DirectoryCatalog) -> None:
    catalog.trust.trust("lamp", OLD.public)
    put_signed(catalog, "1.0.0", OLD)
    # Without the old key, a release would be withheld: the new one is not trusted either.
    with pytest.raises(SettingsError, match="1 images of lamp are signed only with key"):
        catalog.trust.change("lamp", add=NEW.public, remove=OLD.public.id)
    assert catalog.trusted_keys("lamp") == (OLD.public,)
    catalog.trust.trust("lamp", NEW.public)
    catalog.trust.resign("lamp", NEW)
    with pytest.raises(NotFoundError):
        catalog.trust.change("lamp", add=OLD.public, remove=OTHER.public.id)
    assert catalog.trusted_keys("lamp") == (OLD.public, NEW.public)
    # Two keys at a time are the limit after the change.
    assert catalog.trust.change("lamp", add=OTHER.public, remove=OLD.public.id) == ()
    assert catalog.trusted_keys("lamp") == (NEW.public, OTHER.public)


def test_a_key_that_is_not_trusted_cannot_be_replaced(catalog: DirectoryCatalog) -> None:
    for key, expected in ((OLD, NotFoundError), (NEW, UnconfirmedError)):
        with pytest.raises(expected):
            catalog.trust.change("lamp", add=NEW.public, remove=key.public.id)
        assert catalog.trusted_keys("lamp") == ()


def test_without_a_trusted_key_every_release_is_signed_so_that_trusting_withholds_nothing(
    catalog: DirectoryCatalog,
) -> None:
    put(catalog, "1.0.0")
    put_signed(catalog, "1.1.0", OTHER)
    put_signed(catalog, "1.2.0", NEW)
    result = catalog.trust.resign("lamp", NEW)
    assert (len(result.signed), result.already, result.left_out) == (2, 1, ())
    assert not result.verified
    # Nothing has to be confirmed.
    assert catalog.trust.trust("lamp", NEW.public) == ()
    assert offered(catalog) == ["1.0.0", "1.1.0", "1.2.0"]
    put_signed(catalog, "1.3.0", NEW)
    assert catalog.trust.resign("lamp", NEW).verified


def test_without_the_last_key_everything_is_offered(
    catalog: DirectoryCatalog, tmp_path_factory: pytest.TempPathFactory
) -> None:
    catalog.trust.trust("lamp", OLD.public)
    put_signed(catalog, "1.0.0", OLD)
    elsewhere = DirectoryCatalog(tmp_path_factory.mktemp("elsewhere"))
    put_signed(elsewhere, "2.0.0", OTHER)
    version = submission("2.0.0").version
    copied = layout.manifest(elsewhere.root, "lamp", version).read_bytes()
    copy_in(catalog, "2.0.0", copied)
    with pytest.raises(UnconfirmedError, match="all 2 are offered, 1 of which are withheld now"):
        catalog.trust.distrust("lamp", OLD.public.id)
    assert offered(catalog) == ["1.0.0"]
    catalog.trust.distrust("lamp", OLD.public.id, confirmed=True)
    assert offered(catalog) == ["1.0.0", "2.0.0"]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"format":1,"keys":[]}', b"\xff", b"[" * 9999]
)
def test_when_nobody_knows_whom_to_trust_nothing_is_offered(
    catalog: DirectoryCatalog, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    put(catalog)
    layout.trusted_keys(catalog.root, "lamp").write_bytes(text)
    assert offered(catalog) == []
    assert "the trusted-keys file of lamp is damaged" in caplog.text
    assert catalog.owns("lamp")
    for change in (
        lambda: catalog.trusted_keys("lamp"),
        lambda: put(catalog, "2.0.0"),
        lambda: catalog.trust.trust("lamp", OLD.public),
    ):
        with pytest.raises(ManifestError):
            change()


def test_without_cryptography_nothing_is_offered_that_needs_it(
    catalog: DirectoryCatalog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(catalog, product="door")
    catalog.trust.trust("lamp", OLD.public)
    put_signed(catalog, "1.0.0", OLD)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert offered(catalog) == []
    assert "acpublish[signing]" in caplog.text
    assert len(catalog.releases("door")) == 1
    with pytest.raises(MissingExtraError):
        put(catalog, "2.0.0")


def test_a_product_of_which_nothing_is_signed_hides_what_lies_there(
    catalog: DirectoryCatalog,
) -> None:
    (catalog.root / "lamp").mkdir()
    (catalog.root / "lamp" / "loose.bin").write_bytes(image())
    files = CatalogFiles(catalog)
    assert files.locate(b"lamp/loose.bin") is not None
    catalog.trust.trust("lamp", OLD.public)
    assert files.locate(b"lamp/loose.bin") is None


def test_a_key_is_not_trusted_while_a_manifest_is_broken(catalog: DirectoryCatalog) -> None:
    put_signed(catalog, "1.0.0")
    layout.manifest(catalog.root, "lamp", Version.parse("1.0.0")).write_bytes(b"{")
    with pytest.raises(ManifestError):
        catalog.trust.trust("lamp", OLD.public, confirmed=True)
    assert not layout.trusted_keys(catalog.root, "lamp").exists()
