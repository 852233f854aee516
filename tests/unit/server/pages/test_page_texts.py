"""Texts by their keys, with values in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acpublish.server.pages import page_texts
from acpublish.server.pages.page_texts import FOLDER, LANGUAGE, PageTexts


def test_values_are_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "xx").mkdir()
    texts = {"hello": "Hello {name} & all", "count": {"one": "{n} device", "other": "{n} devices"}}
    (tmp_path / "xx/page.json").write_text(json.dumps(texts))
    monkeypatch.setattr(page_texts, "FOLDER", tmp_path)
    t = PageTexts("xx")
    assert t("page.hello", name="<b>") == "Hello &lt;b&gt; &amp; all"
    assert t("page.hello", name="a\x1b\u202e") == "Hello a\\x1b\\u202e &amp; all"
    assert [t("page.count", n=n) for n in (0, 1, 2)] == ["0 devices", "1 device", "2 devices"]
    assert t("page.hello", name="\x1b[31m\u202e") == "Hello \\x1b[31m\\u202e &amp; all"
    assert "page.hello" in t
    assert "page.other" not in t
    with pytest.raises(KeyError):
        t("page.other")


def test_the_texts_have_no_markup() -> None:
    """A translator cannot break a page, and no text is twice in a file."""
    for file in sorted((FOLDER / LANGUAGE).glob("*.json")):
        pairs = json.loads(file.read_text(), object_pairs_hook=lambda pairs: pairs)
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), file
        assert "<" not in file.read_text(), file
