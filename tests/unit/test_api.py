from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish import api
from acpublish.errors import (
    AcpublishError,
    BadNameError,
    CatalogError,
    CheckError,
    DamagedImageError,
    NotAnImageError,
    NotFoundError,
    SettingsError,
    StampError,
    UnconfirmedError,
    VersionError,
)
from acpublish.image.model import Kind
from acpublish.release.submission import Outcome
from tests.support import images

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


def test_public_names_are_loaded_when_used() -> None:
    for name in acpublish.__all__:
        assert getattr(acpublish, name) is not None
    assert set(acpublish.__all__) <= set(dir(acpublish))
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        _ = acpublish.missing  # type: ignore[attr-defined]
    code = "import acpublish, sys; print(*(m for m in sys.modules if m.startswith('acpublish.')))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [(DATA, Kind.APPLICATION), (b"", Kind.UNKNOWN), (b"text", Kind.UNKNOWN),
     (images.merged_image(), Kind.MERGED)],
)  # fmt: skip
def test_any_readable_file_gives_a_result(tmp_path: Path, data: bytes, kind: Kind) -> None:
    (tmp_path / "x").write_bytes(data)
    image = acpublish.read_image(tmp_path / "x")
    assert (image.kind, image.size) == (kind, len(data))
    assert acpublish.read_image(str(tmp_path / "x")) == image


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "missing", "no such file"), (tmp_path, "is a directory")):
        with pytest.raises(NotAnImageError, match=why):
            acpublish.read_image(path)


@pytest.mark.parametrize("form", [str, Path, Path.read_bytes, Path.read_text])
def test_keys_are_paths_or_pem_everywhere(
    form: Callable[[Path], Any], firmware: Path, catalog: Path
) -> None:
    folder = firmware.parent
    private, public = folder / "key.pem", folder / "public.pem"
    key = acpublish.create_key(private)
    public.write_text(key.pem)
    assert acpublish.show_key(form(private)) == acpublish.show_key(form(public)) == key
    keys, _ = acpublish.trust_keys(catalog, product="lamp", add=form(public))
    assert keys == (key,)
    done = acpublish.publish(
        firmware,
        to=catalog,
        product="lamp",
        version="1.0.0",
        board="d1",
        signing_key=form(private),
    )
    assert [one.key for one in done.submission.signatures] == [key.id]
    assert acpublish.resign(catalog, product="lamp", key=form(private)).already == 1
    acpublish.UpdateServer("http://h", trusted_keys=[form(public)])
    acpublish.UpdateServer("http://h", trusted_keys=form(public))
    for nobody in ([], (), iter(())):
        # A list of keys that came out empty must not mean that nothing is verified.
        with pytest.raises(SettingsError, match="trusted_keys is empty"):
            acpublish.UpdateServer("http://h", trusted_keys=nobody)
    with pytest.raises(UnconfirmedError, match="the last key"):
        acpublish.trust_keys(catalog, product="lamp", remove=form(public))
    keys, _ = acpublish.trust_keys(catalog, product="lamp", remove=form(public), confirmed=True)
    assert keys == ()
    with pytest.raises(UnconfirmedError, match="withholds 1 of 1 releases"):
        acpublish.trust_keys(catalog, product="lamp", add=acpublish.create_key(folder / "x").pem)
    rsa, rsa_public = folder / "rsa.pem", folder / "rsa-public.pem"
    rsa_public.write_text(acpublish.create_key(rsa, "rsa").pem)
    signed = folder / "signed.bin"
    acpublish.sign(firmware, key=form(rsa), output=signed)
    assert acpublish.verify(signed, key=form(rsa_public))[0]


class TestStamp:
    def test_it_writes_a_copy(self, firmware: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.bin"
        image = acpublish.stamp(firmware, product="lamp", version="1.0.0", output=output)
        assert image.stamp is not None
        assert (image.stamp.product, image.stamp.version) == ("lamp", "1.0.0")
        assert acpublish.read_image(output) == image
        assert firmware.read_bytes() == DATA
        assert {path.name for path in tmp_path.iterdir()} == {"firmware.bin", "out.bin"}

    def test_it_may_write_the_file_itself(self, firmware: Path) -> None:
        for _ in range(2):
            acpublish.stamp(firmware, product="lamp", version="1.0.0", output=firmware)
        assert acpublish.read_image(firmware).stamp is not None

    @pytest.mark.parametrize(
        ("data", "product", "version", "error"),
        [
            (DATA, "La mp", "1.0.0", BadNameError),
            (DATA, "lamp", "1.0", VersionError),
            (DATA[:-9], "lamp", "1.0.0", DamagedImageError),
            (b"text", "lamp", "1.0.0", NotAnImageError),
            (images.esp8266_image(record=False), "lamp", "1.0.0", StampError),
        ],
    )
    def test_it_refuses_and_leaves_the_output(
        self, tmp_path: Path, data: bytes, product: str, version: str, error: type[AcpublishError]
    ) -> None:
        (tmp_path / "in.bin").write_bytes(data)
        (tmp_path / "out.bin").write_bytes(b"old")
        with pytest.raises(error):
            acpublish.stamp(
                tmp_path / "in.bin", product=product, version=version, output=tmp_path / "out.bin"
            )
        assert (tmp_path / "out.bin").read_bytes() == b"old"

    def test_an_output_that_cannot_be_written(self, firmware: Path, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        for output in (tmp_path / "folder", firmware / "x"):
            with pytest.raises(SettingsError, match=r"cannot be written|not a regular file"):
                acpublish.stamp(firmware, product="lamp", version="1.0.0", output=output)
        assert {path.name for path in tmp_path.iterdir()} == {"firmware.bin", "folder"}

    def test_what_is_no_regular_file_is_left_as_it_is(self, firmware: Path, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with pytest.raises(SettingsError, match="not a regular file"):
            acpublish.stamp(firmware, product="lamp", version="1.0.0", output=pipe)
        assert pipe.is_fifo()

    def test_what_a_link_leads_to_is_written(self, firmware: Path, tmp_path: Path) -> None:
        link = tmp_path / "link.bin"
        link.symlink_to("stamped.bin")
        acpublish.stamp(firmware, product="lamp", version="1.0.0", output=link)
        assert link.is_symlink()
        assert acpublish.read_image(tmp_path / "stamped.bin").stamp is not None


class TestPublish:
    def test_the_file_stays_as_it_is(self, firmware: Path, catalog: Path) -> None:
        done = acpublish.publish(firmware, to=catalog, product="lamp", version="1.0.0", board="d1")
        assert done.receipt.outcome is Outcome.PUBLISHED
        assert firmware.read_bytes() == DATA
        assert Path(done.receipt.url).read_bytes() != DATA
        assert acpublish.read_image(done.receipt.url).sha256 == done.receipt.sha256

    def test_a_filesystem(self, tmp_path: Path, catalog: Path) -> None:
        (tmp_path / "littlefs.bin").write_bytes(images.littlefs())
        done = acpublish.publish(
            tmp_path / "littlefs.bin", to=str(catalog), product="lamp", version="1.0.0",
            board="d1", kind="filesystem",
        )  # fmt: skip
        assert done.receipt.file == "lamp/lamp-1.0.0_d1.fs.bin"
        assert (catalog / done.receipt.file).read_bytes() == images.littlefs()

    def test_what_could_not_be_read_again_is_not_written(
        self, firmware: Path, catalog: Path
    ) -> None:
        given: Any = {"a": 1}
        with pytest.raises(SettingsError, match="provenance: 'a' is 1, but both must be strings"):
            acpublish.publish(
                firmware, to=catalog, product="lamp", version="1.0.0", board="d1", provenance=given
            )
        assert list(catalog.rglob("*.json")) == []

    @pytest.mark.parametrize(
        ("change", "error", "said"),
        [
            ({"product": "a/b"}, BadNameError, "a-b"),
            ({"product": ".."}, BadNameError, "product name"),
            ({"product": "a..b"}, BadNameError, "'..'"),
            ({"product": "my lamp"}, BadNameError, "my-lamp"),
            ({"product": "x" * 200}, BadNameError, "200 characters"),
            ({"product": ""}, SettingsError, "no product is given"),
            ({"board": "../d1"}, BadNameError, "board name"),
            ({"channel": "A"}, BadNameError, "channel name"),
            ({"version": "1.2"}, VersionError, "'1.2.0'"),
            ({"version": "v1.2.3"}, VersionError, "'1.2.3'"),
            ({"version": "1.2.3-" + "x" * 30}, VersionError, "36 bytes"),
            ({"version": "file:missing"}, VersionError, "cannot be read"),
            ({"kind": "sketch"}, SettingsError, "firmware or filesystem"),
            ({"chip": "esp32"}, CheckError, "the board d1 has esp32"),
            ({"to": "/missing/catalog"}, CatalogError, "mkdir -p /missing/catalog"),
            ({"to": "gopher://x"}, SettingsError, "http(s)"),
        ],
    )
    def test_bad_input_is_one_line_and_nothing_is_written(
        self,
        firmware: Path,
        catalog: Path,
        change: dict[str, str],
        error: type[AcpublishError],
        said: str,
    ) -> None:
        given = {"to": str(catalog), "product": "lamp", "version": "1.0.0", "board": "d1"}
        with pytest.raises(error) as caught:
            api.publish(firmware, **{**given, **change})
        assert said in str(caught.value)
        assert str(caught.value).isprintable()
        assert caught.value.hint
        assert list(catalog.iterdir()) == []

    def test_a_dry_run_writes_nothing(self, firmware: Path, catalog: Path) -> None:
        done = acpublish.publish(
            firmware, to=catalog, product="lamp", version="1.0.0", board="d1", dry_run=True
        )
        assert done.dry_run
        assert list(catalog.iterdir()) == []


def test_what_the_checks_are_told(tmp_path: Path) -> None:
    image, table = tmp_path / "c3.bin", tmp_path / "partitions.csv"
    image.write_bytes(images.esp32_image())
    table.write_text("app0, app, ota_0, 0x10000, 16K\n")
    (tmp_path / "catalog").mkdir()
    words: dict[str, Any] = {
        "to": tmp_path / "catalog",
        "product": "lamp",
        "version": "1.0.0",
        "board": "c3",
    }
    with pytest.raises(CheckError, match="slot: "):
        acpublish.publish(image, **words, partitions=table)
    with pytest.raises(SettingsError, match="no check"):
        acpublish.publish(image, **words, skip_checks={"slots": "another table"})
    # A reason is a text of its own, which separates nothing.
    skipped = {"slot": "another table; chip=any", "chip": "none is known"}
    told: dict[str, Any] = {"partitions": table, "skip_checks": skipped, "secret_scan": "error"}
    done = acpublish.publish(image, **words, **told)
    assert done.submission.skipped_checks == skipped


def test_a_signed_image_never_replaces_the_key(firmware: Path, tmp_path: Path) -> None:
    path = tmp_path / "rsa.pem"
    acpublish.create_key(path, "rsa")
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(path)
    for output in (path, tmp_path / "link"):
        with pytest.raises(SettingsError, match="is the file of the key, which would be lost"):
            acpublish.sign(firmware, key=path, output=output)
    assert path.read_bytes() == before


def test_an_unknown_algorithm_creates_no_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'foo' is not an algorithm") as caught:
        acpublish.create_key(tmp_path / "key.pem", "foo")  # type: ignore[arg-type]
    assert caught.value.hint == "Use ecdsa-p256 or rsa."
    assert not (tmp_path / "key.pem").exists()


def test_a_key_to_remove_that_is_not_trusted_changes_nothing(tmp_path: Path, catalog: Path) -> None:
    key = acpublish.create_key(tmp_path / "key.pem")
    with pytest.raises(NotFoundError, match="does not trust key"):
        acpublish.trust_keys(catalog, product="lamp", add=key.pem, remove="0" * 16)
    assert acpublish.trust_keys(catalog, product="lamp") == ((), ())


def test_a_folder_without_releases_stays_as_it_is(tmp_path: Path, catalog: Path) -> None:
    acpublish.create_key(tmp_path / "key.pem")
    result = acpublish.resign(catalog, product="lamp", key=tmp_path / "key.pem")
    assert (result.signed, result.already, result.verified) == ((), 0, False)
    assert list(catalog.iterdir()) == []


@pytest.mark.parametrize("url", ["http://host:8000", "HTTPS://host"])
def test_a_url_is_not_taken_for_a_directory(url: str) -> None:
    with pytest.raises(CatalogError, match="is a URL, but only a directory can be used here"):
        acpublish.trust_keys(url, product="lamp")


def test_a_version_may_be_an_object(firmware: Path, tmp_path: Path) -> None:
    version = acpublish.Version.parse("1.2.3")
    output = tmp_path / "stamped.bin"
    image = acpublish.stamp(firmware, product="lamp", version=version, output=output)
    assert image.stamp is not None
    assert image.stamp.version == "1.2.3"


def test_an_older_release_again_says_what_the_channel_points_at(
    firmware: Path, catalog: Path
) -> None:
    def publish(version: str, **options: Any) -> acpublish.Publication:
        names = {"to": catalog, "product": "lamp", "board": "d1"}
        return acpublish.publish(firmware, version=version, **names, **options)

    assert str(publish("1.0.0").points_at) == "1.0.0"
    assert str(publish("2.0.0").points_at) == "2.0.0"
    again = publish("1.0.0")
    assert (again.outcome.value, str(again.points_at)) == ("already published", "2.0.0")
    assert again.receipt.points_at == again.points_at
    with pytest.raises(CheckError, match=r"1\.5\.0 is not higher than 2\.0\.0") as refused:
        publish("1.5.0")
    assert refused.value.check == "version-order"
    reason = {"version-order": "2.0.0 was a mistake"}
    assert str(publish("1.5.0", skip_checks=reason).points_at) == "1.5.0"


def test_checks_to_skip_are_a_dictionary(firmware: Path, catalog: Path) -> None:
    with pytest.raises(SettingsError, match="skip_checks: it is not a dictionary"):
        acpublish.publish(
            firmware, to=catalog, product="lamp", version="1.0.0", board="d1_mini",
            skip_checks=["dirty"],  # type: ignore[arg-type]
        )  # fmt: skip
