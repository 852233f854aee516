"""Readers of keys and signatures: any bytes give a result or one family of error."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from acpublish.errors import ImageError, RequestError, SettingsError
from acpublish.image.signing import sign, split_signed
from acpublish.keys import create_key, read_private_key, read_public_key
from acpublish.release.manifest import ReleaseSignature
from acpublish.release.signatures import from_header, signed_by, to_header
from tests.support import images

KEY = create_key()
RSA = create_key("rsa")
SIGNED = sign(images.esp8266_image(size=5120), RSA)
PEMS = st.sampled_from([KEY.to_pem(), KEY.public.pem.encode(), RSA.public.pem.encode()])
HEADERS = st.from_regex(r"[0-9a-f]{16}:[A-Za-z0-9+/]{0,9}={0,3}", fullmatch=True)
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=4)), max_size=4)


def changed(data: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    """Returns bytes with some of them replaced, inserted or taken away."""
    for place, new in changes:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + len(new) + (place % 3) - 1 :]
    return data


@settings(deadline=None)
@given(st.binary(max_size=400) | st.builds(changed, PEMS, CHANGES))
def test_any_bytes_are_a_key_or_no_key(pem: bytes) -> None:
    for reader in (read_private_key, read_public_key):
        with contextlib.suppress(SettingsError):
            reader(pem)


@settings(deadline=None)
@given(st.binary(max_size=400) | st.builds(changed, st.just(SIGNED), CHANGES))
def test_any_bytes_are_signed_or_not(data: bytes) -> None:
    with contextlib.suppress(ImageError):
        body, signature = split_signed(data)
        assert len(body) + len(signature) + 4 == len(data)
        assert RSA.public.verifies(signature, body) == (data == SIGNED)


@given(
    st.text(max_size=200) | st.from_regex(r"[0-9a-f]{16}:[A-Za-z0-9+/]{0,9}={0,3}", fullmatch=True)
)
def test_any_header_is_signatures_or_refused(text: str) -> None:
    with contextlib.suppress(RequestError):
        signatures = from_header(text)
        assert from_header(to_header(signatures)) == signatures
        renamed = [
            ReleaseSignature(key=KEY.public.id, signature=entry.signature) for entry in signatures
        ]
        assert signed_by(b"statement", renamed, (KEY.public,)) is None
