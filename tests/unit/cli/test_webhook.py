"""``acpublish webhook``: secrets are printed once, and nothing is half-written."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.fleet.fleet_events import FLAGGED, KINDS, FleetEvent
from acpublish.notices.webhook_file import FILE, WebhookFile
from acpublish.notices.webhook_queue import WebhookQueue, queue_path
from tests.support.receiver import Receiver, receiving
from tests.unit.cli.invoking import CommandLine


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def where(catalog: Path, state: Path) -> tuple[str, ...]:
    """The options that name the catalog and the state folder."""
    (catalog / "lamp").mkdir()
    return ("--to", str(catalog), "--state", str(state))


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_a_secret_is_printed_once(
    acpublish: CommandLine, where: tuple[str, ...], state: Path
) -> None:
    said = acpublish("webhook", "add", "https://user:hunter2@example.com/hook?a=hunter3", *where)
    assert said.status == 0
    (secret,) = said.out.splitlines()
    (webhook,) = WebhookFile(state).all()
    assert secret == webhook.secret
    assert said.err.startswith(f"acpublish: webhook {webhook.id} added")
    listed = acpublish("webhook", "list", *where)
    assert re.search(
        rf"^{webhook.id}  standard  https://\*\*\*@example.com/hook\?\*\*\*  published,",
        listed.out,
        re.M,
    )
    assert listed.out.rstrip().endswith("nothing yet")
    assert secret not in listed.out
    assert "hunter" not in listed.out
    removed = acpublish("webhook", "remove", webhook.id, *where)
    assert removed.out.startswith(f"webhook {webhook.id} removed: https://***@example.com")
    assert WebhookFile(state).all() == ()


def test_without_an_option_it_is_the_server_that_the_setting_names(
    acpublish: CommandLine, where: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_TO", where[1])
    assert acpublish("webhook", "list").out == "no webhooks\n"
    assert acpublish("webhook", "undelivered").out == "nothing is undelivered\n"
    assert acpublish("webhook", "add", "https://example.com/hook").status == 0
    (webhook,) = acpublish("webhook", "list", "--to", where[1], "--json").json()
    assert webhook["url"] == "https://example.com/hook"


def test_ntfy_gets_its_token_from_a_file(
    acpublish: CommandLine,
    where: tuple[str, ...],
    state: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "token").write_text("tk_hunter2\n")
    words = ("--format", "ntfy", "--events", "halted, flagged")
    file = ("--token-file", str(tmp_path / "token"))
    said = acpublish("webhook", "add", "https://ntfy.sh/topic", *words, *file, *where)
    assert (said.status, said.out) == (0, "")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"tk_hunter3")))
    words = ("--format", "ntfy", "--events", "all", "--token-file", "-", "--json")
    said = acpublish("webhook", "add", "https://ntfy.sh/other", *words, *where)
    assert "hunter" not in said.out
    first, second = WebhookFile(state).all()
    assert (first.token, first.events) == ("tk_hunter2", ("halted", "flagged"))
    assert second.token == "tk_hunter3"
    assert said.json()["secret"] == second.secret


def test_a_secret_that_is_sent_in_the_clear_is_a_warning(
    acpublish: CommandLine, where: tuple[str, ...]
) -> None:
    said = acpublish("webhook", "add", "http://user:hunter2@192.168.1.20/", *where)
    assert "warning: the receiver's token or password is sent over plain http" in said.err
    assert "hunter2" not in said.err
    assert "warning" not in acpublish("webhook", "add", "http://192.168.1.20/", *where).err


def test_the_help_names_every_kind_of_event(acpublish: CommandLine) -> None:
    words = " ".join(acpublish("webhook", "add", "--help").out.split())
    assert f"{', '.join(KINDS)}, or all" in words


def test_a_test_says_what_the_receiver_answers(
    acpublish: CommandLine, where: tuple[str, ...], receiver: Receiver
) -> None:
    acpublish("webhook", "add", receiver.url, *where)
    (webhook,) = acpublish("webhook", "list", "--json", *where).json()
    said = acpublish("webhook", "test", webhook["id"], *where)
    assert (said.status, said.out) == (0, f"webhook {webhook['id']}: delivered\n")
    receiver.answers.append(404)
    said = acpublish("webhook", "test", webhook["id"], *where)
    assert said.status == 1
    assert "not delivered: the receiver answers HTTP 404 Not Found" in said.out
    acpublish("webhook", "add", receiver.url, *where)
    receiver.answers.append(404)
    said = acpublish("webhook", "test", "--json", *where)
    assert said.status == 1
    assert [result["delivered"] for result in said.json()] == [False, True]


def test_what_could_not_be_delivered_is_listed_whatever_devices_are_called(
    acpublish: CommandLine, where: tuple[str, ...], state: Path
) -> None:
    acpublish("webhook", "add", "https://example.com/", *where)
    (webhook,) = WebhookFile(state).all()
    queue = WebhookQueue(queue_path(state, webhook.id))
    data = {"device": "lamp/aa\x1b[2J\nfake line", "flags": [], "reason": "x"}
    queue.add(FleetEvent(FLAGGED, 5.0, "lamp", data), 5.0)
    queue.disable("the receiver says\x1b[2J that it is gone")
    queue.write()
    said = acpublish("webhook", "undelivered", *where)
    assert "\x1b" not in said.out
    assert len(said.out.splitlines()) == 2
    assert re.search(rf"^{webhook.id}  1970-01-01T00:00:05Z  flagged  lamp ", said.out, re.M)
    listed = acpublish("webhook", "list", *where)
    assert "disabled: the receiver says" in listed.out
    assert "\x1b" not in listed.out
    said = acpublish("webhook", "undelivered", "--retry", "--json", *where)
    assert [entry["webhook"] for entry in said.json()] == [webhook.id]
    assert WebhookFile(state).find(webhook.id).again
    said = acpublish("webhook", "undelivered", webhook.id, "--retry", *where)
    assert "the server tries again within a second" in said.err


@pytest.mark.parametrize(
    ("words", "status", "problem"),
    [
        (
            ["add", "ftp://user:hunter2@example.com/"],
            2,
            "is not a URL that webhooks can be sent to",
        ),
        (["add", "http://a/", "--events", "halt"], 2, "'halt' is not a kind of event"),
        (["add", "http://a/", "--format", "x"], 2, "'x' is not a format of webhooks"),
        (["add", "http://a/", "--token-file", "hunter2"], 2, "the file in --token-file"),
        (["remove", "x"], 8, "there is no webhook 'x'"),
        (["test", "x"], 8, "there is no webhook 'x'"),
        (["undelivered", "x"], 8, "there is no webhook 'x'"),
    ],
)
def test_what_is_not_valid_is_one_line(
    acpublish: CommandLine,
    where: tuple[str, ...],
    state: Path,
    words: list[str],
    status: int,
    problem: str,
) -> None:
    said = acpublish("webhook", *words, *where)
    assert said.status == status
    assert problem in said.err
    assert "hunter" not in said.err
    assert not (state / FILE).exists()


def test_without_a_webhook_there_is_nothing_to_test(
    acpublish: CommandLine, where: tuple[str, ...]
) -> None:
    said = acpublish("webhook", "test", *where)
    assert said.status == 8
    assert "there is no webhook. Add one with: acpublish webhook add URL" in said.err


def test_standard_input_that_is_too_long_is_no_token(
    acpublish: CommandLine, where: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x" * 5000)))
    words = ("--format", "ntfy", "--token-file", "-")
    said = acpublish("webhook", "add", "https://ntfy.sh/topic", *words, *where)
    assert said.status == 2
    assert "standard input is too long for a secret" in said.err


def test_a_damaged_file_is_one_line(
    acpublish: CommandLine, where: tuple[str, ...], state: Path
) -> None:
    state.mkdir()
    (state / FILE).write_text("{")
    said = acpublish("webhook", "list", "--json", *where)
    assert json.loads(said.out)["code"] == "usage"
    assert "the file is damaged" in said.err
