from __future__ import annotations

import pytest

from acpublish.release.text import (
    MAX_MAPPING_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_VALUE_CHARACTERS,
    cleaned,
    mapping_fault,
    text_fault,
)


@pytest.mark.parametrize("text", ["", "abc1234", "Zoë", "прошивка 😀", "a\u00a0b"])
def test_fit_text(text: str) -> None:
    assert text_fault(text) == ""
    assert cleaned(text) == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("caf\udce9", r"is not valid Unicode (\udce9)"),
        ("a\0b", r"contains a control character (\x00)"),
        ("a\nb", r"contains a control character (\n)"),
        ("\x1b[2J", r"contains a control character (\x1b)"),
        ("\x85", r"contains a control character (\x85)"),
        ("a\u202eb", r"contains a character that cannot be seen (\u202e)"),
        ("a\u200bb", r"contains a character that cannot be seen (\u200b)"),
        ("a\u2028b", r"contains a character that cannot be seen (\u2028)"),
        ("a\u2029b", r"contains a character that cannot be seen (\u2029)"),
        ("a\ue000b", r"contains a character that cannot be seen (\ue000)"),
        ("a\uffffb", r"contains a character that cannot be seen (\uffff)"),
        ("x" * (MAX_VALUE_CHARACTERS + 1), "is 4097 characters long; the limit is 4096"),
    ],
)
def test_unfit_text(text: str, fault: str) -> None:
    assert text_fault(text) == fault
    assert text_fault(cleaned(text)[:100]) == ""


def test_a_mapping_names_what_is_wrong() -> None:
    assert mapping_fault({"commit": "abc", "core": "2.7.4", "libraries": "a\u200bb"}) == ""
    assert mapping_fault({"core": "\ud800"}).startswith("core is not valid Unicode")
    assert mapping_fault({"\ud800": "x"}).startswith(r"the name '\ud800' is not valid")
    assert "the limit is 64" in mapping_fault({"x" * (MAX_NAME_CHARACTERS + 1): "x"})
    many = {str(number): "x" * 4000 for number in range(5)}
    assert str(MAX_MAPPING_CHARACTERS) in mapping_fault(many)
