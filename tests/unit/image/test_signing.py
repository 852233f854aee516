"""Signed ESP8266 images: what openssl says of them, what is signed and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import AcpublishError, DamagedImageError, SettingsError, WrongKindError
from acpublish.image.model import Kind
from acpublish.image.reader import read
from acpublish.image.signing import sign, split_signed, verify
from acpublish.image.stamper import stamp
from acpublish.keys import create_key
from tests.support import images, other_images
from tests.support.openssl import needs_openssl, verifies

KEY = create_key("rsa")
IMAGE = images.esp8266_image(seed=3)
GZIP = images.gzipped(IMAGE)
#: esptool wrote another flash mode.
CHANGED = IMAGE[:2] + b"\0" + IMAGE[3:]


@needs_openssl
@pytest.mark.parametrize("data", [IMAGE, GZIP], ids=["plain", "gzip"])
def test_openssl_verifies_the_signature(tmp_path: Path, data: bytes) -> None:
    public = tmp_path / "public.pem"
    public.write_text(KEY.public.pem)
    signed = sign(data, KEY)
    # As the updater does it (Updater.cpp: end): the length is in the last word.
    length = int.from_bytes(signed[-4:], "little")
    body, signature = signed[: -4 - length], signed[-4 - length : -4]
    assert (body, length) == (data, 256)
    assert verifies(public, signature, body, tmp_path)
    assert not verifies(public, signature, body + b"\0", tmp_path)


@pytest.mark.parametrize("data", [IMAGE, GZIP], ids=["plain", "gzip"])
def test_what_was_signed_is_read_as_signed(data: bytes) -> None:
    image = read(sign(data, KEY))
    assert image.kind is Kind.SIGNED
    assert not image.damaged
    # Only what stands before the signature is flashed.
    assert image.running == read(IMAGE).running


@pytest.mark.parametrize("data", [IMAGE, GZIP], ids=["plain", "gzip"])
def test_verify_tells_the_right_key_and_the_right_bytes(data: bytes) -> None:
    signed = sign(data, KEY)
    assert verify(signed, KEY.public)
    assert not verify(signed, create_key("rsa").public)
    assert split_signed(signed)[0] == data
    for place in (len(data) + 5, len(data) + 250):
        assert not verify(
            signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :], KEY.public
        )


def test_a_changed_image_is_not_verified() -> None:
    signed = bytearray(sign(IMAGE, KEY))
    signed[9000] ^= 1
    assert not verify(bytes(signed), KEY.public)


def test_signing_is_the_last_step_but_an_unstamped_image_may_be_signed() -> None:
    stamped = stamp(IMAGE, "lamp", "1.2.3")
    signed = sign(stamped, KEY)
    assert read(signed).stamp == read(stamped).stamp
    assert sign(IMAGE, KEY).startswith(IMAGE)
    with pytest.raises(WrongKindError, match="signed"):
        stamp(signed, "lamp", "1.2.4")


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (images.esp32_image("esp32c3"), "espsecure sign-data"),
        (images.signed_esp32(images.esp32_image("esp32c3")), "espsecure sign-data"),
        (images.gzipped(images.esp32_image("esp32")), "espsecure sign-data"),
        (sign(IMAGE, KEY), "acpublish verify"),
        (sign(GZIP, KEY), "acpublish verify"),
        (images.littlefs(), "publish --key"),
        (images.eboot(), "application image"),
        (IMAGE[:-20], "Build it again"),
        (IMAGE[:9000] + b"\0\1\2\3" + IMAGE[9004:], "Build it again"),
        (GZIP[:-20], "Build it again"),
        (images.gzipped(b"text"), "PlatformIO's firmware.bin"),
        (b"", "PlatformIO's firmware.bin"),
        (b"text", "PlatformIO's firmware.bin"),
    ],
)
def test_what_is_refused(data: bytes, hint: str) -> None:
    with pytest.raises(AcpublishError) as caught:
        sign(data, KEY)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (other_images.split_half(), "half of a split build"),
        (other_images.sdk_user1(), "a user1 or user2 image"),
        (images.esp8266_image(eboot=False), "without the bootloader eboot"),
        (images.gzipped(other_images.sdk_loader()), "the SDK's or rBoot"),
        (sign(images.gzipped(IMAGE), KEY), "the image is already signed"),
        (sign(CHANGED, KEY), "the image is already signed"),
    ],
)
def test_what_is_no_application_is_called_what_it_is(data: bytes, what: str) -> None:
    with pytest.raises(WrongKindError, match=what):
        sign(data, KEY)


def test_a_changed_header_does_not_hide_a_signature() -> None:
    with pytest.raises(WrongKindError, match="the image is signed"):
        stamp(sign(CHANGED, KEY), "lamp", "1.0.0")


def test_a_damaged_image_is_called_so() -> None:
    with pytest.raises(DamagedImageError):
        sign(IMAGE[:-20], KEY)


def test_the_key_has_to_be_rsa() -> None:
    with pytest.raises(SettingsError, match="ECDSA key"):
        sign(IMAGE, create_key())
    with pytest.raises(SettingsError, match="ECDSA key"):
        verify(sign(IMAGE, KEY), create_key().public)


@pytest.mark.parametrize("data", [b"", b"1234", IMAGE, GZIP, images.signed_esp8266(IMAGE, 64)])
def test_what_carries_no_signature_cannot_be_verified(data: bytes) -> None:
    with pytest.raises(WrongKindError, match="does not contain the signature"):
        verify(data, KEY.public)
