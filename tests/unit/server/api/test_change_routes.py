"""Changes over HTTP: who may make them, and how little one request can take."""

from __future__ import annotations

import asyncio
import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acpublish import atomic
from acpublish.catalog import layout
from acpublish.release.channels import Place
from acpublish.release.decision import Decision, Rule, Verdict
from acpublish.server import catalog_changes
from acpublish.server.checkins import CheckIn
from acpublish.server.sending import CHUNK_BYTES
from acpublish.server.token_file import TokenStore
from acpublish.wire import Report
from tests.support.tokens import create_token
from tests.unit.catalog.holding import image
from tests.unit.server.api.requesting import PROMOTION, WITHDRAWAL, Client


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def points_at(client: Client, channel: str) -> str | None:
    pointer = client.catalog.changes.channels("lamp").current(channel, Place("d1", "firmware"))
    return str(pointer.version) if pointer else None


def test_a_change_is_made_by_the_token_and_the_log_names_both(client: Client) -> None:
    status, document, _ = client.change({**PROMOTION, "by": "somebody else"})
    assert (status, document["applied"]) == (200, True)
    by = document["change"]["by"]
    assert by not in ("", "somebody else")
    assert client.note == f"token {by}; promote 1.0.0 beta: change {document['serial']}"
    assert points_at(client, "beta") == "1.0.0"
    client.change(PROMOTION)
    assert client.note == f"token {by}; promote 1.0.0 beta: nothing to do"
    client.change({**WITHDRAWAL, "apply": False})
    assert client.note == f"token {by}; withdraw 1.1.0: planned"
    assert points_at(client, "stable") == "1.1.0"


@pytest.mark.parametrize("apply", [True, False])
def test_a_token_to_publish_promotes_into_its_channels_only(client: Client, apply: bool) -> None:
    before = client.document
    token = create_token(client.state, "lamp*", channels=["dev"])
    for body, code in (
        (PROMOTION, "forbidden"),
        (WITHDRAWAL, "forbidden"),
        ({"action": "rollback", "channel": "dev"}, "forbidden"),
    ):
        status, document, _ = client.change({**body, "apply": apply}, token)
        assert (status, document["code"]) == (403, code)
    other = create_token(client.state, "door")
    assert client.change({**PROMOTION, "apply": apply}, other)[0] == 403
    status, document, _ = client.change({**PROMOTION, "channel": "dev", "apply": apply}, token)
    assert (status, document["applied"]) == (200, apply)
    assert (client.document == before) is not apply


def test_without_a_valid_token(client: Client) -> None:
    before = client.document
    assert client.change(PROMOTION, "acp_wrong")[0] == 401
    status, _, headers = asyncio.run(client.send(client.app(), "/products/lamp/changes", PROMOTION))
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert client.document == before


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b"", 400, "not valid JSON"),
        (b"[1", 400, "not valid JSON"),
        (b"[" * 60_000, 400, "not valid JSON"),
        (b'{"keep": NaN}', 400, "not valid JSON"),
        (b'{"keep": ' + b"9" * 5000 + b"}", 400, ""),
        (b'"' + b"x" * (64 * 1024) + b'"', 413, "longer than 65536 bytes"),
        ([], 400, "request is not an object"),
        ({}, 400, "request.action is not one of"),
        ({"action": "explode"}, 400, "request.action is not one of"),
        ({**PROMOTION, "version": "one"}, 400, "request.version"),
        ({**PROMOTION, "version": None}, 400, "promote needs a version"),
        ({**PROMOTION, "channel": None}, 400, "promote needs a channel"),
        ({**PROMOTION, "channel": "A b"}, 400, "request.channel"),
        ({**PROMOTION, "boards": ["A b"]}, 400, "board"),
        ({**PROMOTION, "boards": "d1"}, 400, "request.boards is not of type list"),
        ({**PROMOTION, "boards": ["\ud800"]}, 400, "board"),
        ({**PROMOTION, "why": "a\nb"}, 400, "the reason contains a control character"),
        ({**PROMOTION, "why": "x" * 501}, 400, "the reason is 501 characters long"),
        ({**WITHDRAWAL, "why": ""}, 400, "no reason is given"),
        ({**WITHDRAWAL, "why": " \u00a0"}, 400, "no reason is given"),
        ({"action": "withdraw", "version": "1.1.0"}, 400, "no reason is given"),
        ({**WITHDRAWAL, "action": "delete", "why": " "}, 400, "no reason is given"),
        ({**WITHDRAWAL, "action": "delete", "why": "", "apply": False}, 400, "no reason"),
        ({**WITHDRAWAL, "why": "a\x1b[2J"}, 400, "the reason contains a control character"),
        ({**WITHDRAWAL, "why": "x" * 501}, 400, "the reason is 501 characters long"),
        ({**PROMOTION, "serial": -1}, 400, "request.serial is not a possible number"),
        ({**PROMOTION, "serial": 1}, 409, "another change was made meanwhile"),
        ({**PROMOTION, "x" * 60_000: 1}, 400, f"'{'x' * 40}' is not a field of request"),
        ({"action": "retain", "keep": 0}, 400, "at least one release"),
        ({**PROMOTION, "version": "9.0.0"}, 404, "no release 9.0.0"),
        ({**PROMOTION, "channel": "stable"}, 409, "lower than 1.1.0"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_changed(
    client: Client, body: Any, status: int, problem: str
) -> None:
    before = client.document
    answered, document, headers = client.change(body)
    assert answered == status, document
    assert problem in document["error"]
    assert document["hint"]
    assert (headers.get("connection") == "close") is (status == 413)
    assert client.document == before


def test_a_product_that_is_not_there(client: Client) -> None:
    for path in ("channels", "history"):
        status, document, _ = client.get(f"/products/door/{path}")
        assert (status, document["code"]) == (404, "not-found")
    path = "/products/door/changes"
    assert asyncio.run(client.send(client.app(), path, PROMOTION, client.manage))[0] == 404
    assert client.get("/products/A b/channels")[0] == 422


@pytest.fixture
def locked(client: Client) -> Iterator[threading.Event]:
    """Another writer has the catalog's lock until the event is set."""
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with atomic.exclusive(client.catalog.root / layout.HIDDEN):
            taken.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(30)
    yield release
    release.set()
    thread.join()


def test_a_change_that_its_client_has_given_up_is_not_made_later(
    client: Client, locked: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_changes, "CHANGE_S", 0.3)
    before = client.document

    async def main() -> None:
        app = client.app()
        path = "/products/lamp/changes"
        waiting = [
            asyncio.ensure_future(client.send(app, path, PROMOTION, client.manage))
            for _ in range(8)
        ]
        await asyncio.sleep(0)
        # Whoever only reads does not wait for the lock, and so many changes take few threads.
        assert (await client.send(app, "/products/lamp/channels"))[0] == 200
        plan = {**PROMOTION, "apply": False}
        for status, document, headers in await asyncio.gather(*waiting):
            assert (status, document["code"]) == (503, "busy")
            assert "nothing was changed" in document["error"]
            assert headers["retry-after"].isdigit()
        locked.set()
        while (await client.send(app, path, plan, client.manage))[0] != 200:
            await asyncio.sleep(0.05)

    # asyncio.run waits for the threads, which hear that they are too late.
    asyncio.run(main())
    assert client.document == before
    assert client.change(PROMOTION)[1]["applied"]


def test_a_token_that_is_revoked_while_its_change_waits(
    client: Client, locked: threading.Event
) -> None:
    before = client.document
    token = create_token(client.state, "lamp", name="leaked")

    async def main() -> int:
        path = "/products/lamp/changes"
        waiting = asyncio.ensure_future(client.send(client.app(), path, PROMOTION, token))
        await asyncio.sleep(0.1)
        TokenStore(client.state).revoke("leaked")
        locked.set()
        return (await waiting)[0]

    assert asyncio.run(main()) == 401
    assert client.document == before


def test_a_catalog_that_cannot_be_written(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    before = client.document
    monkeypatch.setattr(atomic, "write", refuse)
    status, document, _ = client.change(PROMOTION)
    assert (status, document["code"]) == (503, "read-only")
    assert document["error"] == "the server cannot write its catalog"
    assert client.document == before


def test_what_cannot_be_removed_is_named_without_the_paths_of_the_server(client: Client) -> None:
    root = client.catalog.root
    (sha256,) = {
        image.sha256
        for release in client.catalog.releases("lamp")
        for image in release.images
        if str(release.version) == "1.1.0"
    }
    for path in (root / "lamp/lamp-1.1.0_d1.bin", client.catalog.object_path(sha256)):
        path.unlink()
        path.mkdir()
    status, document, _ = client.change({**WITHDRAWAL, "action": "delete"})
    assert status == 200
    assert [note.partition(" cannot be removed: ")[0] for note in document["notes"]] == [
        "lamp/lamp-1.1.0_d1.bin",
        f".acpublish/objects/{sha256}",
    ]
    # A manifest that cannot be read may be of a release with the same bytes.
    (root / ".acpublish/releases/lamp/9.0.0.json").mkdir()
    status, promoted, _ = client.change(PROMOTION)
    assert status == 200
    (doubtful,) = [note for note in promoted["notes"] if "9.0.0.json" in note]
    assert doubtful.startswith(".acpublish/releases/lamp/9.0.0.json cannot be read: ")
    assert str(root.parent) not in json.dumps([document, promoted])


def test_a_catalog_of_a_newer_acpublish(client: Client) -> None:
    document = {**json.loads(client.document), "format": 3}
    layout.channels(client.catalog.root, "lamp").write_text(json.dumps(document))
    for answered in (
        client.change(PROMOTION),
        client.get("/products/lamp/channels"),
        client.get("/products/lamp/history"),
    ):
        status, problem, _ = answered
        assert (status, problem["hint"]) == (409, "Install a newer acpublish.")
        assert str(client.catalog.root) not in problem["error"]
    assert json.loads(client.document) == document


def test_the_channels_and_the_history_are_for_everyone_and_current(client: Client) -> None:
    async def main() -> None:
        app = client.app()
        for version in ("1.0.0", "1.1.0"):
            body = {**PROMOTION, "version": version}
            await client.send(app, "/products/lamp/changes", body, client.manage)
            _, shown, _ = await client.send(app, "/products/lamp/channels")
            rows = {row["channel"]: row["current"]["version"] for row in shown["channels"]}
            assert rows == {"beta": version, "stable": "1.1.0"}
        _, shown, _ = await client.send(app, "/products/lamp/history")
        actions = [line["action"] for line in shown["history"]]
        assert actions == ["publish", "publish", "promote", "promote"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "devices"),
    [
        (WITHDRAWAL, 2),
        ({"action": "delete", "version": "1.1.0", "why": "x"}, 2),
        ({"action": "withdraw", "version": "1.0.0", "why": "x"}, 1),
        ({"action": "rollback", "channel": "stable"}, 2),
        (PROMOTION, None),
    ],
)
def test_how_many_devices_run_what_is_taken_back(
    client: Client, body: Any, devices: int | None
) -> None:
    decision = Decision(verdict=Verdict.UP_TO_DATE, rule=Rule.SAME_DIGEST, reason="")
    md5s = {
        str(release.version): release.images[0].md5 for release in client.catalog.releases("lamp")
    }
    for number, version in enumerate(("1.1.0", "1.1.0", "1.0.0")):
        report = Report(updater=True, sketch_md5=md5s[version], mac=f"24:0A:C4:00:00:0{number}")
        client.counts(CheckIn(0.0, None, "GET", report, "lamp", "d1", "stable", decision))
    assert client.change({**body, "apply": False})[1]["devices"] == devices


def test_the_bytes_of_an_image_need_the_scope_read(client: Client) -> None:
    path = "/releases/lamp/1.1.0/d1/image"
    read = create_token(client.state, read=True)
    assert client.get(path)[0] == 401
    assert client.get(path, create_token(client.state, "*"))[0] == 403
    for token in (read, client.manage):
        status, data, headers = client.get(path, token)
        assert (status, data) == (200, image("1.1.0"))
        assert headers["content-length"] == str(len(data))
        assert headers["x-md5"] == client.catalog.releases("lamp")[1].images[0].md5
        assert headers["cache-control"] == "no-store"
    client.change(WITHDRAWAL)
    assert client.get(path, read)[1] == image("1.1.0")
    for bad, status in (
        (f"{path}?kind=other", 400),
        (f"{path}?kind=filesystem", 404),
        ("/releases/lamp/9.0.0/d1/image", 404),
        ("/releases/lamp/1.1.0/d9/image", 404),
        ("/releases/door/1.1.0/d1/image", 404),
        ("/releases/lamp/one/d1/image", 422),
    ):
        assert client.get(bad, read)[0] == status
    client.change({"action": "delete", "version": "1.1.0", "why": "x"})
    status, document, _ = client.get(path, read)
    assert (status, document["error"]) == (404, "the bytes of lamp-1.1.0_d1.bin are gone")


def test_a_large_image_is_sent_little_by_little(client: Client) -> None:
    (sha256,) = {
        image.sha256
        for release in client.catalog.releases("lamp")
        for image in release.images
        if str(release.version) == "1.1.0"
    }
    stored = client.catalog.object_path(sha256)
    stored.unlink()
    stored.write_bytes(bytes(3 * CHUNK_BYTES))
    status, data, _ = client.get("/releases/lamp/1.1.0/d1/image", client.manage)
    assert (status, len(data)) == (200, 3 * CHUNK_BYTES)
    assert max(map(len, client.parts)) <= CHUNK_BYTES
