from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.errors import ManifestError
from acpublish.release.manifest import Release
from tests.unit.release.making import release

GZIP = {"size": 700, "md5": "a" * 32, "sha256": "b" * 64}
WHOLE = release("1.0.0").with_image(release("1.0.0", board="c3").images[0])


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(WHOLE.to_json())
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


def test_what_is_written_is_read_again() -> None:
    assert Release.from_json(WHOLE.to_json()) == WHOLE.bare()
    assert Release.from_dict(WHOLE.to_dict()) == WHOLE
    assert Release.from_json(WHOLE.to_json()).to_json() == WHOLE.to_json()


def test_the_gzip_beside_an_image_is_read_again_and_one_without_is_not_written() -> None:
    document = changed(["images", 1, "compressed"], GZIP)
    read = Release.from_dict(document)
    assert read.images[1].compressed is not None
    assert read.images[1].compressed.to_dict() == GZIP
    assert json.loads(read.to_json()) == document
    assert b"compressed" not in WHOLE.to_json()


def test_what_an_image_requires_is_read_again_and_none_is_not_written() -> None:
    document = changed(["images", 1, "requires"], ">=1.4.0")
    read = Release.from_dict(document)
    assert [image.requires for image in read.images] == [None, ">=1.4.0"]
    assert json.loads(read.to_json()) == document
    assert b"requires" not in WHOLE.to_json()
    with pytest.raises(ManifestError, match=r"images\[0\]\.requires"):
        Release.from_dict(changed(["images", 0, "requires"], 7))


@pytest.mark.parametrize(
    "gzip",
    [
        {},
        {**GZIP, "size": "700"},
        {**GZIP, "size": True},
        {**GZIP, "md5": "a" * 31},
        {**GZIP, "sha256": "../" + "b" * 61},
        {"size": 1},
    ],
)
def test_a_gzip_that_is_none_is_named(gzip: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match=r"images\[0\]\.compressed does not describe a gzip"):
        Release.from_dict(changed(["images", 0, "compressed"], gzip))


def test_fields_of_a_newer_acpublish_are_kept() -> None:
    document = changed(["withdrawn"], {"since": "2027"})
    document["images"][1]["signature"] = ["a", 1]
    again = json.loads(Release.from_dict(document).to_json())
    assert again == document
    added = Release.from_dict(document).with_image(release("1.0.0", board="d2").images[0])
    assert json.loads(added.to_json())["withdrawn"] == {"since": "2027"}


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (["format"], 2, "lamp/1.0.0.json.format"),
        (["format"], True, "lamp/1.0.0.json.format"),
        (["format"], KeyError, "lamp/1.0.0.json.format"),
        (["product"], "../x", "lamp/1.0.0.json.product"),
        (["version"], "1.0", "lamp/1.0.0.json.version"),
        (["images"], {}, "lamp/1.0.0.json.images"),
        (["images", 1], "x", "lamp/1.0.0.json.images[1]"),
        (["images", 1, "board"], "A", "lamp/1.0.0.json.images[1].board"),
        (["images", 0, "kind"], "sketch", "lamp/1.0.0.json.images[0].kind"),
        (["images", 0, "kind"], [], "lamp/1.0.0.json.images[0].kind"),
        (["images", 1, "size"], "9", "lamp/1.0.0.json.images[1].size"),
        (["images", 1, "size"], True, "lamp/1.0.0.json.images[1].size"),
        (["images", 1, "sha256"], None, "lamp/1.0.0.json.images[1].sha256"),
        (["images", 1, "sha256"], "../../../etc/passwd", "lamp/1.0.0.json.images[1].sha256"),
        (["images", 1, "md5"], "0" * 31 + "\n", "lamp/1.0.0.json.images[1].md5"),
        (["images", 0, "file"], "../x.bin", "lamp/1.0.0.json.images[0].file"),
        (["images", 0, "family"], "avr", "lamp/1.0.0.json.images[0].family"),
        (["images", 0, "stamped"], 1, "lamp/1.0.0.json.images[0].stamped"),
        (["images", 0, "running"], [], "lamp/1.0.0.json.images[0].running"),
        (["images", 0, "running", "md5s"], [1], "lamp/1.0.0.json.images[0].running.md5s"),
        (["images", 0, "channels", "stable"], "1", "lamp/1.0.0.json.images[0].channels"),
        (["images", 0, "channels", "stable"], True, "lamp/1.0.0.json.images[0].channels"),
        (["images", 0, "provenance"], {"commit": 1}, "lamp/1.0.0.json.images[0].provenance"),
    ],
)
def test_a_fault_names_its_path(path: list[Any], value: Any, named: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Release.from_dict(changed(path, value), "lamp/1.0.0.json")
    assert caught.value.problem.startswith(named)
    assert caught.value.problem[len(named) :][:1] in (" ", ":")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": 1' + b"0" * 5000]
)
def test_what_is_no_manifest_is_a_fault_of_the_manifest(text: bytes) -> None:
    with pytest.raises(ManifestError, match=r"^lamp/x\.json"):
        Release.from_json(text, "lamp/x.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = sorted(WHOLE.images[0].to_dict())


@given(st.sampled_from(KEYS), JSON)
def test_any_value_gives_a_release_or_the_one_error(key: str, value: Any) -> None:
    try:
        read = Release.from_dict(changed(["images", 0, key], value))
    except ManifestError:
        return
    # What changes after a release is published is not in its manifest.
    assert Release.from_json(read.to_json()) == read.bare()


def test_a_provenance_that_is_no_utf_8_is_read_without_it() -> None:
    """An earlier version stored it, and no response could be encoded from then on."""
    document = changed(["images", 0, "provenance"], {"branch": "caf\udce9", "who": "Zoë"})
    written = Release.from_dict(document).to_json()
    assert "Zoë".encode() in written
    read = Release.from_json(written)
    assert read.images[0].provenance["branch"] == "caf?"
    assert json.dumps(read.to_dict(), ensure_ascii=False).encode()


@pytest.mark.parametrize("value", [-1, 2**63, 10**4000])
def test_impossible_numbers_are_refused(value: int) -> None:
    for path in (["images", 0, "size"], ["images", 0, "channels", "stable"]):
        if value > 0 or path[-1] == "size":
            with pytest.raises(ManifestError):
                Release.from_dict(changed(path, value))


def test_unknown_fields_may_be_nested_but_not_without_end() -> None:
    assert Release.from_dict(changed(["later"], [[{"x": [1]}]])).extra
    deep: Any = []
    for _ in range(50):
        deep = [deep]
    for path in (["later"], ["images", 0, "later"]):
        with pytest.raises(ManifestError, match="nested too deeply"):
            Release.from_dict(changed(path, deep))


def test_a_board_may_have_firmware_and_a_filesystem() -> None:
    both = release("1.0.0").with_image(release("1.0.0", kind="filesystem").images[0])
    assert [image.kind for image in both.images] == ["filesystem", "firmware"]
    firmware = both.image_for("d1", "firmware")
    assert firmware is not None
    assert firmware.file == "lamp-1.0.0_d1.bin"
    assert both.image_for("d2", "firmware") is None
