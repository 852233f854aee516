"""Digests of beginnings, in whatever order they are asked for."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from acpublish.image.digests import Digests

DATA = bytes(range(256)) * 4


@given(st.lists(st.one_of(st.none(), st.integers(0, len(DATA))), min_size=1, max_size=5))
def test_each_beginning_has_its_digests(ends: list[int | None]) -> None:
    digests = Digests(DATA)
    for end in ends:
        assert digests.sha256(end) == hashlib.sha256(DATA[:end]).digest()
        assert digests.md5(end) == hashlib.md5(DATA[:end]).hexdigest()
    assert digests.size == len(DATA)


def test_a_digest_that_was_begun_ahead_is_the_same() -> None:
    for size in (1000, 3 << 20):
        data = bytes(size)
        digests = Digests(data)
        digests.begin_sha256(size - 32)
        assert digests.sha256(size - 32) == hashlib.sha256(data[:-32]).digest()
        assert digests.sha256() == hashlib.sha256(data).digest()
