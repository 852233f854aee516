from __future__ import annotations

import json

import pytest

from acpublish.release.documents import loads, nesting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a": "caf\\udce9"}', {"a": "caf?"}),
        (b'{"\\ud800": ["\\udc00"]}', {"?": ["?"]}),
        (b'"\xed\xa0\x80"', "?"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\u00e9 \xed\x95\x9c"', "é 한"),
        (b'[1, 1.5, "\\n"]', [1, 1.5, "\n"]),
    ],
)
def test_what_is_read_can_be_written(text: bytes, expected: object) -> None:
    document = loads(text)
    assert document == expected
    assert json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("text", [b"NaN", b"[-Infinity]", b"1e999", b"", b"\xff", b"1" * 5000])
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        loads(text)


def test_nesting() -> None:
    assert [nesting(value) for value in (1, [], [1], {"a": [{"b": 1}]})] == [0, 0, 1, 3]
