"""Bodies are bounded in size and time."""

from __future__ import annotations

import time

import pytest

from acpublish.client.answer import Patience
from acpublish.errors import (
    UnreachableError,
    VerificationError,
)
from tests.unit.client.asking import body_of, transport
from tests.unit.client.scripted import Script, head, scripted


def test_a_server_that_drips_is_given_up() -> None:
    drip: Script = [head(Content_Length=100)]
    for _ in range(40):
        drip += [0.05, b"x"]
    patience = Patience(first_wait_s=0.02, total_s=0.3)
    with scripted(drip) as server:
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match="bytes per second"):
            transport(server.url, patience=patience).exchange("GET", "/x", body_of)
        assert time.monotonic() - begun < 2.0


def test_a_body_without_an_end_is_cut_off() -> None:
    with (
        scripted([head(), b"x" * 5000]) as server,
        pytest.raises(VerificationError, match="more than 1000 bytes"),
    ):
        transport(server.url).exchange("GET", "/x", body_of)
