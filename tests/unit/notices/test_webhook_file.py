from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from acpublish.errors import ConflictError, NotFoundError, SettingsError
from acpublish.fleet.fleet_events import HALTED, KINDS, PUBLISHED, UPDATED
from acpublish.notices import webhook_file
from acpublish.notices.webhook_file import FILE, WebhookFile, new_webhook

URL = "https://user:hunter2@example.com/hook?key=hunter3"


def test_a_webhook_is_stored_for_its_owner_only_and_read_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    file = WebhookFile(state)
    assert file.all() == ()
    webhook = new_webhook(URL, events=[HALTED, PUBLISHED], token="hunter4")
    file.add(webhook)
    assert WebhookFile(state).all() == (webhook,)
    assert webhook.events == (PUBLISHED, HALTED)
    assert stat.S_IMODE((state / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert file.remove(webhook.id) == webhook
    assert file.all() == ()


def test_what_is_shown_and_logged_has_no_secret() -> None:
    webhook = new_webhook(URL, token="hunter4")
    for shown in (json.dumps(webhook.shown()), repr(webhook), webhook.host):
        assert "hunter" not in shown
        assert webhook.secret not in shown
    assert webhook.shown()["url"] == "https://***@example.com/hook?***"
    assert webhook.host == "example.com"


def test_by_default_all_is_told_but_each_update() -> None:
    assert set(KINDS) - set(new_webhook(URL).events) == {UPDATED}
    assert new_webhook(URL, events=["all"]).events == KINDS


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "ftp://example.com/",
        "http://",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://[::1/",
        "https://example.com/a b",
        "https://example.com/a\r\nx-evil: 1",
        "https://example.com/#part",
        "https://exa\x00mple.com/",
        "https://example.com\\@evil.example/",
        f"https://{'a' * 70}.example/",
        f"https://example.com/{'a' * 2_000}",
    ],
)
def test_what_is_no_url_is_one_line(url: str) -> None:
    with pytest.raises(SettingsError, match="is not a URL that webhooks can be sent to") as caught:
        new_webhook(url)
    assert "\n" not in caught.value.problem


def test_a_password_in_what_is_no_url_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        new_webhook("ftp://user:hunter2@example.com/?key=hunter3")
    assert "hunter" not in str(caught.value)


def test_other_input_is_checked() -> None:
    with pytest.raises(SettingsError, match="'slack' is not a format"):
        new_webhook(URL, format_="slack")
    with pytest.raises(SettingsError, match="'helted' is not a kind of event"):
        new_webhook(URL, events=["helted"])
    with pytest.raises(SettingsError, match="no topic of ntfy"):
        new_webhook("https://ntfy.sh/", format_="ntfy")
    with pytest.raises(SettingsError, match="the token contains invalid characters"):
        new_webhook(URL, token="a\r\nx-evil: 1")


def test_there_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_file, "MAX_WEBHOOKS", 1)
    file = WebhookFile(tmp_path)
    file.add(new_webhook(URL))
    with pytest.raises(ConflictError, match="no more are possible"):
        file.add(new_webhook(URL))
    assert len(file.all()) == 1


def test_a_later_request_to_try_again_is_greater(tmp_path: Path) -> None:
    file = WebhookFile(tmp_path)
    webhook = new_webhook(URL)
    file.add(webhook)
    first = file.try_again(webhook.id)
    second = file.try_again(webhook.id)
    assert "" < first.again < second.again
    assert file.all() == (second,)
    for call in (file.try_again, file.remove, file.find):
        with pytest.raises(NotFoundError, match="there is no webhook 'other'"):
            call("other")


def test_a_check_before_the_commit_changes_nothing(tmp_path: Path) -> None:
    def refuse() -> None:
        raise SettingsError("no", hint="")

    file = WebhookFile(tmp_path)
    with pytest.raises(SettingsError, match="no"):
        file.add(new_webhook(URL), before_commit=refuse)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "the file is damaged"),
        ('{"format": 1, "webhooks": [1]}', "the file is damaged"),
        ('{"format": 2}', "of a newer format"),
    ],
)
def test_a_file_that_cannot_be_read_is_kept(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / FILE).write_text(text)
    file = WebhookFile(tmp_path)
    with pytest.raises(SettingsError, match=problem):
        file.all()
    with pytest.raises(SettingsError, match=problem):
        file.add(new_webhook(URL))
    assert (tmp_path / FILE).read_text() == text
