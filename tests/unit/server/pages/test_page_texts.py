"""Texts by their keys, with values in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from acpublish.control.device_query import TROUBLES
from acpublish.fleet.fleet_events import KINDS
from acpublish.fleet.rollout import State
from acpublish.image.model import Kind
from acpublish.release.channels import Action
from acpublish.release.decision import Verdict
from acpublish.release.manifest import State as ImageState
from acpublish.release.submission import Outcome
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


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("products.action_", get_args(Action)),
        ("products.", get_args(ImageState)),
        ("products.partly_", get_args(ImageState)),
        ("rollouts.state_", get_args(State)),
        ("upload.kind_", [kind.value for kind in Kind]),
        ("upload.outcome_", [outcome.name.lower() for outcome in Outcome]),
        ("upload.done_", [outcome.name.lower() for outcome in Outcome]),
        ("device.verdict_", [verdict.value.replace(" ", "-") for verdict in Verdict]),
        ("overview.news_", KINDS),
        ("overview.trouble_", TROUBLES),
        ("settings_webhooks.event_", KINDS),
    ],
)
def test_whatever_pages_show_by_its_name_has_a_text(prefix: str, values: Iterable[str]) -> None:
    """Otherwise the first rollout that somebody pauses breaks the page of its product."""
    t = PageTexts()
    assert [value for value in values if prefix + value not in t] == []


def test_the_texts_have_no_markup() -> None:
    """A translator cannot break a page, and no text is twice in a file."""
    for file in sorted((FOLDER / LANGUAGE).glob("*.json")):
        pairs = json.loads(file.read_text(), object_pairs_hook=lambda pairs: pairs)
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), file
        assert "<" not in file.read_text(), file
