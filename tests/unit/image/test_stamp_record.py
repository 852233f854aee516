from __future__ import annotations

import pytest

from acpublish.image.stamp_record import (
    ESP8266_RECORD_MAGIC,
    STAMP_FIELD_BYTES,
    blank_record,
    fits,
)


@pytest.mark.parametrize("text", ["1", "lamp", "1.0.0+é".replace("é", "e"), "x" * 31, "a b"])
def test_what_fits(text: str) -> None:
    assert fits(text)
    assert len(text.encode()) < STAMP_FIELD_BYTES


@pytest.mark.parametrize("text", ["", "x" * 32, "é", "a\nb", "a\0", "\x7f"])
def test_what_does_not_fit(text: str) -> None:
    assert not fits(text)


def test_a_blank_record_has_two_empty_fields_after_its_magic() -> None:
    record = blank_record()
    assert record.startswith(ESP8266_RECORD_MAGIC)
    assert record[len(ESP8266_RECORD_MAGIC) :] == bytes(2 * STAMP_FIELD_BYTES)
    # Both fields and the record after it stay aligned to the words in which flash is read.
    assert len(ESP8266_RECORD_MAGIC) % 4 == 0
