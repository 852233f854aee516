"""What is signed of a release, who signed it, and how that travels."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.errors import ManifestError, RequestError, SettingsError
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.keys import PrivateKey, create_key
from acpublish.release import names
from acpublish.release.manifest import Release, ReleaseImage, ReleaseSignature
from acpublish.release.placement import place
from acpublish.release.signatures import (
    admitted,
    from_header,
    merged,
    sign,
    signed_by,
    statement,
    submitted_statement,
    to_header,
)
from acpublish.release.submission import Submission
from acpublish.release.version import Version
from tests.support import images
from tests.support.openssl import needs_openssl, verifies
from tests.unit.release.making import NOW, release

OLD, NEW, OTHER = create_key(), create_key(), create_key()


def stated(held: Release) -> bytes:
    return statement(held.product, held.version, held.images[0])


def with_signatures(held: Release, *signatures: ReleaseSignature) -> Release:
    return replace(held, images=(replace(held.images[0], signatures=signatures),))


def signed(held: Release, *keys: PrivateKey) -> Release:
    return with_signatures(held, *(sign(stated(held), key) for key in keys))


def test_the_statement_is_canonical() -> None:
    """Keys sorted, no white space, UTF-8: another program can make the same bytes."""
    one = release("1.2.3")
    document = json.loads(stated(one))
    assert document == {
        "format": 1,
        "type": "acpublish release image",
        "product": "lamp",
        "version": "1.2.3",
        "board": "d1",
        "kind": "firmware",
        "file": "lamp-1.2.3_d1.bin",
        "family": "esp8266",
        "chip": "esp8266",
        "core": None,
        "size": 1000,
        "md5": one.images[0].md5,
        "sha256": one.images[0].sha256,
    }
    assert stated(one) == json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"board": "d2"},
        {"kind": "filesystem"},
        {"file": "lamp-1.2.4_d1.bin"},
        {"family": "esp32"},
        {"chip": "esp32c3"},
        {"chip": None},
        {"size": 1001},
        {"md5": "0" * 32},
        {"sha256": "0" * 64},
        {"provenance": {"core": "3.1.2"}},
    ],
    ids=str,
)
def test_every_fact_of_the_statement_is_covered(change: dict[str, object]) -> None:
    one = signed(release("1.2.3"), OLD)
    changed = replace(one.images[0], **change)  # type: ignore[arg-type]
    assert signed_by(stated(one), changed.signatures, (OLD.public,))
    assert not signed_by(statement("lamp", one.version, changed), changed.signatures, (OLD.public,))


def test_product_and_version_are_covered() -> None:
    one = signed(release("1.2.3"), OLD)
    for product, version in (("lump", "1.2.3"), ("lamp", "1.2.4"), ("lamp", "1.2.3+1")):
        elsewhere = statement(product, Version.parse(version), one.images[0])
        assert not signed_by(elsewhere, one.images[0].signatures, (OLD.public,))


@pytest.mark.parametrize(
    "change",
    [
        {"channels": {"beta": 9}},
        {"published_at": "2027-01-01T00:00:00Z"},
        {"provenance": {"commit": "1"}},
    ],
    ids=str,
)
def test_what_moves_is_not_covered(change: dict[str, object]) -> None:
    one = signed(release("1.2.3"), OLD)
    changed = replace(one.images[0], **change)  # type: ignore[arg-type]
    assert signed_by(statement("lamp", one.version, changed), changed.signatures, (OLD.public,))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (stamp(images.esp8266_image(), "lamp", "1.0.0"), "firmware"),
        (images.esp32_image("esp32c3", project="lamp", version="1.0.0"), "firmware"),
        (images.littlefs(), "filesystem"),
    ],
)
def test_what_is_submitted_is_what_stands_there_afterwards(data: bytes, kind: str) -> None:
    submission = Submission(
        product=names.product("lamp"),
        version=Version.parse("1.0.0"),
        board=names.board("d1"),
        channel=names.channel("stable"),
        kind="filesystem" if kind == "filesystem" else "firmware",
    )
    placed = place(read(data), submission, (), NOW)
    assert submitted_statement(read(data), submission) == stated(placed.release)


@needs_openssl
def test_openssl_verifies_the_signature(tmp_path: Path) -> None:
    public = tmp_path / "public.pem"
    public.write_text(OLD.public.pem)
    one = signed(release("1.2.3"), OLD)
    signature = base64.b64decode(one.images[0].signatures[0].signature)
    assert verifies(public, signature, stated(one), tmp_path)
    assert not verifies(public, signature, stated(release("1.2.4")), tmp_path)


def test_an_rsa_key_signs_no_release() -> None:
    with pytest.raises(SettingsError, match="RSA key"):
        sign(stated(release("1.0.0")), create_key("rsa"))


@pytest.mark.parametrize("text", ["AAAA", "====", "A", "AAAAA==="])
def test_a_signature_that_is_none_holds_for_nothing(text: str) -> None:
    one = ReleaseSignature(key=OLD.public.id, signature=text)
    assert not signed_by(stated(release("1.0.0")), (one,), (OLD.public,))


def test_only_what_a_trusted_key_signed_is_admitted() -> None:
    good = signed(release("1.0.0"), OLD)
    both = signed(release("1.1.0"), OLD, NEW)
    unsigned = release("1.2.0")
    others = signed(release("1.3.0"), OTHER)
    moved = with_signatures(release("1.4.0"), *good.images[0].signatures)
    everything = (good, both, unsigned, others, moved)
    assert admitted(everything, ()) == (everything, ())
    kept, withheld = admitted(everything, (OLD.public,))
    assert kept == (good, both)
    assert [one.partition(": ")[2] for one in withheld] == [
        "it is not signed",
        f"it is signed with key {OTHER.public.id}, which is not trusted",
        f"the signature of key {OLD.public.id} does not match it",
    ]
    assert admitted(everything, (NEW.public,))[0] == (both,)
    assert admitted(everything, (NEW.public, OLD.public))[0] == (good, both)


def test_of_one_release_only_the_signed_images_are_admitted() -> None:
    good = signed(release("1.0.0"), OLD)
    two = good.with_image(release("1.0.0", board="d2").images[0])
    kept, withheld = admitted((two,), (OLD.public,))
    assert kept == (good,)
    assert withheld == ("lamp/lamp-1.0.0_d2.bin: it is not signed",)


def test_a_signature_that_is_there_stays_unless_it_is_void() -> None:
    one = stated(release("1.0.0"))
    first, again, new = sign(one, OLD), sign(one, OLD), sign(one, NEW)
    void = replace(first, signature=sign(b"other", OLD).signature)
    assert first != again
    assert merged((first,), (again,), one) == (first,)
    assert merged((), (first,), one) == (first,)
    assert set(merged((first,), (new,), one, (OLD.public,))) == {first, new}
    assert merged((void,), (again,), one, (OLD.public,)) == (again,)
    assert merged((void,), (again,), one) == (void,)


def test_signatures_survive_a_header_and_a_manifest() -> None:
    one = signed(release("1.0.0"), OLD, NEW)
    held = one.images[0].signatures
    assert from_header(to_header(held)) == held
    assert from_header("") == ()
    assert Release.from_json(one.to_json()) == one.bare()


@pytest.mark.parametrize(
    "text", ["x", "0123456789abcdef", "0123456789abcdef:", "0123456789ABCDEF:AA", ":AA", "a" * 9999]
)
def test_a_header_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="KEY:SIGNATURE"):
        from_header(text)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda document: document.update(signatures="x"),
        lambda document: document.update(signatures=["x"]),
        lambda document: document.update(signatures=[{"key": "0123456789abcdef"}]),
        lambda document: document.update(signatures=[{"key": "../..", "signature": "AA"}]),
        lambda document: document.update(signatures=[{"key": "a" * 16, "signature": "\n"}]),
    ],
)
def test_a_manifest_with_other_signatures_is_refused(
    break_it: Callable[[dict[str, object]], None],
) -> None:
    document = release("1.0.0").images[0].to_dict()
    break_it(document)
    with pytest.raises(ManifestError, match="signatures"):
        ReleaseImage.from_dict(document, "image")
