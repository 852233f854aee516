"""Limits of an upload, and how its head is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import CatalogError, RequestError, VersionError
from acpublish.server.api import publisher, uploads
from acpublish.server.api.publish import read_submission
from acpublish.server.api.publisher import Publisher
from acpublish.server.api.routes import App, create_api
from acpublish.server.checkins import DeviceCounts
from acpublish.server.tokens import Tokens
from tests.support.images import esp32_image
from tests.support.tokens import create_token

IMAGE = esp32_image("esp32c3", project="lamp", version="1.0.0", seed=1)
PATH = "/api/v1/releases/lamp/1.0.0/{board}"


class Client:
    """Sends uploads to the application, without a socket."""

    def __init__(self, folder: Path) -> None:
        catalog = folder / "catalog"
        catalog.mkdir()
        self.token = create_token(folder / "state", "*")
        self.catalog = DirectoryCatalog(catalog)
        self._folder = folder

    def app(self) -> App:
        return create_api(
            self.catalog,
            Tokens(self._folder / "state"),
            DeviceCounts(),
            Publisher(self.catalog, 1 << 20),
        )

    async def put(
        self, app: App, parts: AsyncIterator[bytes], board: str = "c3"
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Returns status, document and headers of the response."""
        messages: list[Any] = []

        async def receive() -> dict[str, Any]:
            part = await anext(parts, None)
            return {"type": "http.request", "body": part or b"", "more_body": part is not None}

        async def send(message: Any) -> None:
            messages.append(message)

        path = PATH.format(board=board)
        headers = [(b"authorization", b"Bearer " + self.token.encode()), (b"host", b"x")]
        scope = {"type": "http", "method": "PUT", "path": path, "raw_path": path.encode()}
        more = {"query_string": b"", "root_path": "", "scheme": "http", "server": ("x", 1)}
        await app({**scope, **more, "headers": headers}, receive, send)
        document = json.loads(b"".join(message.get("body", b"") for message in messages))
        sent = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        return messages[0]["status"], document, sent


async def whole(image: bytes = IMAGE) -> AsyncIterator[bytes]:
    yield image


async def gated(gate: asyncio.Event) -> AsyncIterator[bytes]:
    await gate.wait()
    yield IMAGE


async def drop_by_drop() -> AsyncIterator[bytes]:
    while True:
        await asyncio.sleep(0.01)
        yield b"x"


def test_one_upload_more_than_fits_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PARALLEL_UPLOADS", 2)
    client = Client(tmp_path)

    async def main() -> None:
        app, gate = client.app(), asyncio.Event()
        running = [
            asyncio.ensure_future(client.put(app, gated(gate), board)) for board in ("a", "b")
        ]
        await asyncio.sleep(0.05)
        status, document, headers = await client.put(app, whole(), "c")
        assert (status, document["code"]) == (503, "busy")
        assert document["error"] == "the server is already handling as many uploads as it can"
        assert headers["retry-after"].isdigit()
        gate.set()
        assert [result[0] for result in await asyncio.gather(*running)] == [201, 201]
        # Those that have ended make way again.
        assert (await client.put(app, whole(), "c"))[0] == 201

    asyncio.run(main())


@pytest.mark.parametrize("count", [8, 16])
def test_stalled_uploads_with_one_token_do_not_stop_another_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(publisher, "DRAIN_S", 0.05)
    client = Client(tmp_path)
    lamp = create_token(tmp_path / "state", "lamp")

    async def main() -> None:
        app, gate, every = client.app(), asyncio.Event(), client.token
        client.token = lamp
        stalled = [
            asyncio.ensure_future(client.put(app, gated(gate), f"b{number}"))
            for number in range(count)
        ]
        await asyncio.sleep(0.2)
        refused = [upload.result()[1] for upload in stalled if upload.done()]
        assert [document["code"] for document in refused] == ["busy"] * (count - 8)
        client.token = every
        assert (await client.put(app, whole(), "c3"))[0] == 201
        gate.set()
        await asyncio.gather(*stalled)

    asyncio.run(main())


def test_a_stalled_upload_gives_its_place_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PARALLEL_UPLOADS", 1)
    monkeypatch.setattr(uploads, "STALL_S", 0.1)
    client = Client(tmp_path)

    async def main() -> None:
        app = client.app()
        trickle = asyncio.ensure_future(client.put(app, drop_by_drop(), "a"))
        await asyncio.sleep(0.2)
        assert (await client.put(app, whole(), "b"))[0] == 201
        status, document, headers = await asyncio.wait_for(trickle, 20.0)
        assert (status, document["code"]) == (503, "busy")
        assert document["error"] == "the upload stalled, and another one needed its place"
        assert headers["retry-after"].isdigit()

    asyncio.run(main())


def test_an_upload_that_never_pauses_has_a_deadline_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "UPLOAD_DEADLINE_S", 0.1)
    client = Client(tmp_path)

    async def main() -> None:
        upload = client.put(client.app(), drop_by_drop())
        status, document, _ = await asyncio.wait_for(upload, 20.0)
        assert (status, document["code"]) == (400, "request")
        assert document["error"] == "the upload took too long"

    asyncio.run(main())


def test_an_upload_that_pauses_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "UPLOAD_PAUSE_S", 0.05)
    client = Client(tmp_path)

    async def main() -> None:
        upload = client.put(client.app(), gated(asyncio.Event()))
        assert (await asyncio.wait_for(upload, 20.0))[1]["error"] == "the upload took too long"

    asyncio.run(main())


def test_a_body_that_grows_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    client = Client(tmp_path)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    async def main() -> None:
        upload = client.put(client.app(), endless())
        status, document, _ = await asyncio.wait_for(upload, 10.0)
        assert (status, document["code"]) == (413, "too-large")
        assert document["error"] == "the body is larger than 1 MiB"

    asyncio.run(main())


def test_a_read_only_catalog_is_not_the_clients_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(tmp_path)

    def refuse(*arguments: object, **more: object) -> None:
        cause = OSError(30, "Read-only file system")
        raise CatalogError(f"cannot publish to {tmp_path}", hint="Make it writable.") from cause

    monkeypatch.setattr(DirectoryCatalog, "put", refuse)
    status, document, headers = asyncio.run(client.put(client.app(), whole()))
    assert (status, document["code"]) == (503, "read-only")
    assert str(tmp_path) not in json.dumps(document)
    assert "retry-after" not in headers


def test_a_catalog_that_is_gone_is_called_that(tmp_path: Path) -> None:
    client = Client(tmp_path)
    (tmp_path / "catalog").rename(tmp_path / "elsewhere")
    status, document, _ = asyncio.run(client.put(client.app(), whole()))
    assert (status, document["code"]) == (503, "read-only")
    assert document["error"] == "the catalog of the server is gone"
    assert str(tmp_path) not in json.dumps(document)


def test_the_refusal_of_a_token_has_the_command_that_creates_one(tmp_path: Path) -> None:
    client = Client(tmp_path)
    client.token = create_token(tmp_path / "state", "bell")
    status, document, _ = asyncio.run(client.put(client.app(), whole()))
    assert (status, document["error"]) == (403, "the token is for another product")
    assert document["hint"].endswith("directory: acpublish token create --publish lamp")


def test_tokens_that_cannot_be_read_are_not_called_a_read_only_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(tmp_path)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("acpublish.server.token_file.read_own", refuse)
    status, document, headers = asyncio.run(client.put(client.app(), whole()))
    assert (status, document["code"]) == (503, "tokens")
    assert document["error"] == "the server cannot read or change its tokens"
    assert str(tmp_path) not in json.dumps(document)
    assert "retry-after" not in headers
    assert f"the tokens in {tmp_path}/state/tokens.json cannot be read: permission" in caplog.text


def request(query: bytes = b"", **headers: str) -> Request:
    return Request(
        {
            "type": "http",
            "query_string": query,
            "path_params": {"product": "lamp", "version": "1.0.0", "board": "c3"},
            "headers": [
                (f"x-acpublish-{name}".replace("_", "-").encode(), value.encode())
                for name, value in headers.items()
            ],
        }
    )


def test_a_submission_with_everything() -> None:
    submission = read_submission(
        request(
            b"channel=beta&kind=filesystem&chip=esp32c3&compress=yes&no_downgrade_below=0.9.0"
            b"&requires=%3E%3D0.8.0",
            provenance='{"commit": "abc1234"}',
            private='{"remote": "https://git.example/lamp"}',
            declared='{"slot_bytes": 1310720}',
            skip_checks='{"dirty": "built on the bench"}',
        )
    )
    assert submission.product == "lamp"
    assert (str(submission.version), submission.board) == ("1.0.0", "c3")
    assert (submission.channel, submission.kind) == ("beta", "filesystem")
    assert submission.chip == "esp32c3"
    assert submission.compress
    assert str(submission.no_downgrade_below) == "0.9.0"
    assert submission.requires == ">=0.8.0"
    assert submission.provenance == {"commit": "abc1234"}
    assert submission.private == {"remote": "https://git.example/lamp"}
    assert submission.declared.slot_bytes == 1_310_720
    assert submission.skipped_checks == {"dirty": "built on the bench"}


def test_a_submission_without_anything_is_firmware_on_stable() -> None:
    submission = read_submission(request())
    assert (submission.channel, submission.kind) == ("stable", "firmware")
    assert not submission.compress
    assert submission.no_downgrade_below is None
    assert submission.requires is None


def test_the_version_below_which_nobody_goes_back_is_a_version() -> None:
    with pytest.raises(VersionError, match="'two' is not a valid SemVer"):
        read_submission(request(b"no_downgrade_below=two"))


def test_what_devices_have_to_run_can_be_satisfied() -> None:
    for query in (b"requires=1.4.0", b"requires=%3E2.0.0,%3C1.0.0", b"requires=" + b"x" * 300):
        with pytest.raises(VersionError, match=r"requirement|comparison"):
            read_submission(request(query))


@pytest.mark.parametrize(
    ("query", "headers", "problem"),
    [
        (b"kind=other", {}, "there is no such kind"),
        (b"compress=maybe", {}, "compress is neither yes nor no"),
        (b"", {"provenance": "[1]"}, "is not a JSON object of strings"),
        (b"", {"private": '{"a": 1}'}, "is not a JSON object of strings"),
        (b"", {"declared": '{"slot_bytes": "x"}'}, "the header X-Acpublish-Declared"),
        (b"", {"skip_checks": '{"nonsense checks": ""}'}, "nonsense checks"),
        (b"", {"secrets": "[]"}, "secret"),
        (b"", {"provenance": '{"branch": "caf\\udce9"}'}, "branch is not valid Unicode"),
        (b"", {"provenance": '{"core": "2.7.4\\u0000"}'}, "core contains a control character"),
        (b"", {"private": '{"\\ud800": "x"}'}, "private provenance: the name"),
        (b"", {"private": '{"remote": "%s"}' % ("x" * 5000)}, "the limit is 4096"),
        (b"", {"skip_checks": '{"dirty": "\\udce9"}'}, "the reason for dirty"),
        (b"chip=%1b[2J", {}, "chip contains a control character"),
        (b"chip=" + b"x" * 5000, {}, "chip is 5000 characters long"),
    ],
)
def test_an_invalid_part_is_named(query: bytes, headers: dict[str, str], problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        read_submission(request(query, **headers))
