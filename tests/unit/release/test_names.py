from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.errors import BadNameError
from acpublish.release import names


@pytest.mark.parametrize("text", ["a", "lamp", "lamp-2", "a.b_c-d", "0", "x" * 31])
def test_valid_products_are_themselves(text: str) -> None:
    assert names.product(text) == text


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a..b", "../lamp", "a/b", "/lamp", "a\\b", "my lamp", "Lamp", "_x", ".x", "-x",
     "lämp", "a\n", "a\0", "a%2fb", "api", "u", "update", "x" * 32, "x" * 200, "٣", "a+b"],
)  # fmt: skip
def test_other_products_are_refused_on_one_line(text: str) -> None:
    with pytest.raises(BadNameError) as caught:
        names.product(text)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 300
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "proposal"),
    [("My Lamp", "my-lamp"), ("a/b", "a-b"), ("../x", "x"), ("a..b", "a.b"), ("Lämp", "lamp")],
)
def test_the_hint_proposes_a_name_that_is_valid(text: str, proposal: str) -> None:
    with pytest.raises(BadNameError, match=f"'{proposal}'"):
        names.product(text)
    assert names.product(proposal) == proposal


def test_a_board_has_one_more_character_and_never_the_mark_of_filesystems() -> None:
    assert names.board("x" * 32) == "x" * 32
    with pytest.raises(BadNameError, match="the limit is 32"):
        names.board("x" * 33)
    with pytest.raises(BadNameError, match=r"'d1-fs'"):
        names.board("d1.fs")


def test_a_channel_may_be_called_as_a_product_may_not() -> None:
    assert names.channel("update") == "update"
    with pytest.raises(BadNameError, match="channel name"):
        names.channel("Stable")


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("L\u00e1mpa+", "lampa"),
        ("My Lamp", "my-lamp"),
        ("api", "api-firmware"),
        ("x" * 31, "x" * 31),
        ("x" * 32, None),
        ("\u706f", None),
        ("lamp\u706f", None),
        ("stra\u00dfe", None),
        ("+", None),
        ("", None),
    ],
)
def test_a_name_that_may_be_that_of_several_products_is_none(
    text: str, product: str | None
) -> None:
    assert names.product_or_none(text) == product


@given(st.text(max_size=80))
def test_any_text_can_be_made_a_product(text: str) -> None:
    made = names.product_from(text)
    assert names.product(made) == made


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_a_bad_one(text: str) -> None:
    try:
        board = names.board(text)
    except BadNameError:
        return
    assert board == text
    assert names.is_name(text)
    assert ".." not in text
    assert "/" not in text


def test_a_name_is_shown_as_it_was_typed() -> None:
    with pytest.raises(BadNameError, match="the product name 'Lämp' is invalid") as refused:
        names.product("Lämp")
    assert refused.value.hint == "Use for example 'lamp'."
    with pytest.raises(BadNameError) as unprintable:
        names.board("\udce4\x1b\u202e")
    assert str(unprintable.value).isprintable()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("LOLIN-D32", "lolin-d32"),
        ("a" * 32, "a" * 32),
        ("adafruit_feather_esp32s3_reversetft_nopsram", "adafruit_feather_esp32s3-341e3a"),
        ("my board", "my-board-517724"),
        ("x.fs", "x.fs-471e3a"),
        ("ä", "a-33e6d7"),
        ("№№", "nono-e30096"),
    ],
)
def test_a_board_name_of_any_text(text: str, name: str) -> None:
    found = names.board_from(text)
    assert found == names.board(found)
    assert found == name


@given(st.text(min_size=1), st.text(min_size=1))
def test_board_names_of_different_texts_differ(one: str, other: str) -> None:
    assert names.board(names.board_from(one))
    if one.lower() != other.lower():
        assert names.board_from(one) != names.board_from(other)


@pytest.mark.parametrize(
    ("channel", "path"),
    [("stable", "/update/lamp/d1_mini"), ("beta", "/update/lamp/d1_mini?channel=beta")],
)
def test_an_update_path_is_found_in_an_image_as_it_is_made(channel: str, path: str) -> None:
    assert names.update_path("lamp", "d1_mini", channel) == path
    assert names.update_paths_in(b"\xff" + path.encode() + b"\0GET") == {path}


def test_a_sketch_may_append_a_channel_to_a_path_that_has_one() -> None:
    path = "/update/lamp/d1?channel=beta?channel=dev"
    assert names.update_paths_in(path.encode() + b"\0") == {path}


def test_only_literals_are_update_paths() -> None:
    for data in (b"/update/lamp/d1?channel=%s\0", b"/update/lamp\0", b"/update/lamp/d1"):
        assert names.update_paths_in(data) == frozenset()
    many = b"".join(b"/update/lamp/d%d\0" % number for number in range(1000))
    assert len(names.update_paths_in(many)) == 64


def test_names_with_commas_or_spaces() -> None:
    assert names.listed(" a, b  c,,d ") == ("a", "b", "c", "d")
    assert names.listed(" , ") == ()
