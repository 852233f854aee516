"""What the addresses below /update/ ask for."""

from __future__ import annotations

import pytest

from acpublish.server.update_address import Form, UpdateAddress, update_address

LONG = "b" * 32


@pytest.mark.parametrize(
    ("path", "query", "address"),
    [
        ("lamp/d1", "", UpdateAddress("lamp", (("d1", Form.IMAGE),), "stable", True)),
        ("lamp/d1/", "channel=beta", UpdateAddress("lamp", (("d1", Form.IMAGE),), "beta", True)),
        ("Lamp/D1", "a&channel=Beta", UpdateAddress("lamp", (("d1", Form.IMAGE),), "beta", False)),
        (
            "lamp/d1.json",
            "",
            UpdateAddress("lamp", (("d1.json", Form.IMAGE), ("d1", Form.MANIFEST)), "stable", True),
        ),
        (
            "lamp/d1.md5.sha256",
            "",
            UpdateAddress(
                "lamp", (("d1.md5.sha256", Form.IMAGE), ("d1.md5", Form.SHA256)), "stable", True
            ),
        ),
        (f"lamp/{LONG}.md5", "", UpdateAddress("lamp", ((LONG, Form.MD5),), "stable", True)),
        ("lamp/%64%31", "", UpdateAddress("lamp", (("d1", Form.IMAGE),), "stable", True)),
    ],
)
def test_addresses(path: str, query: str, address: UpdateAddress) -> None:
    assert update_address(f"/update/{path}".encode(), query.encode()) == address
    # A longer one means the same, but is not remembered.
    more = query + "&" + "x" * 600
    assert update_address(f"/update/{path}".encode(), more.encode()) == address


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("", ""),
        ("lamp", ""),
        ("lamp/", ""),
        ("/d1", ""),
        ("lamp//", ""),
        ("lamp/d1//", ""),
        ("lamp/d1/more", ""),
        ("lamp/.json", ""),
        ("lamp/..", ""),
        ("lamp/d\u00e9", ""),
        ("lamp/" + "b" * 33, ""),
        ("lamp/d1", "channel="),
        ("lamp/d1", "channel=a/b"),
    ],
)
def test_what_is_none(path: str, query: str) -> None:
    assert update_address(f"/update/{path}".encode(), query.encode()) is None


@pytest.mark.parametrize(
    ("query", "channel"),
    [
        (b"", "stable"),
        (b"channel=beta", "beta"),
        (b"x=1&channel=beta", "beta"),
        (b"channel=beta?channel=dev", "dev"),
        (b"channel=beta?x=1", "beta"),
    ],
)
def test_a_query_that_a_sketch_appends_to_a_path_with_one_is_understood(
    query: bytes, channel: str
) -> None:
    address = update_address(b"/update/lamp/d1", query)
    assert address is not None
    assert address.channel == channel
