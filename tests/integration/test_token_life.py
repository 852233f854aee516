"""Tokens of a real server: created, used, revoked and replaced while it runs."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish import atomic
from acpublish.errors import AuthenticationError
from acpublish.publishing.destinations import running_devices
from acpublish.publishing.options import Destination
from acpublish.server.token_file import FILE, TokenStore, last_uses
from tests.support.images import esp32_image
from tests.support.server import PATIENCE_S, Answer, RunningServer, read_all, running_server
from tests.support.tokens import create_token
from tests.unit.cli.conftest import acpublish as acpublish_fixture
from tests.unit.cli.invoking import CommandLine

acpublish = acpublish_fixture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "catalog").mkdir()
    # So the server has something to say at its start.
    create_token(folder / "state", "nothing")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with running_server(folder / "catalog", folder) as server:
        yield server


@pytest.fixture(scope="module")
def state(folder: Path) -> Path:
    return folder / "state"


@pytest.fixture
def manager(state: Path, monkeypatch: pytest.MonkeyPatch, acpublish: CommandLine) -> str:
    """A token that may manage, set as it is for commands."""
    text = create_token(state, manage=True, name="admin")
    monkeypatch.setenv("ACPUBLISH_TOKEN", text)
    return text


def image(version: str) -> bytes:
    return esp32_image("esp32c3", project="lamp", version=version, seed=1)


def head(version: str, text: str, length: int, *more: str) -> bytes:
    lines = (
        f"PUT /api/v1/releases/lamp/{version}/c3 HTTP/1.1",
        *("Host: localhost", f"Content-Length: {length}", "Connection: close"),
        *(f"Authorization: Bearer {text}", *more),
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def put(server: RunningServer, version: str, text: str) -> Answer:
    body = image(version)
    return server.ask(head(version, text, len(body)) + body)


def half_an_upload(server: RunningServer, version: str, text: str) -> socket.socket:
    """Sends the first half of an upload, once the server has accepted its token."""
    body = image(version)
    connection = server.connect()
    connection.sendall(head(version, text, len(body), "Expect: 100-continue"))
    said = b""
    while b"\r\n\r\n" not in said:
        said += connection.recv(1)
    assert said.startswith(b"HTTP/1.1 100 ")
    connection.sendall(body[: len(body) // 2])
    return connection


def rest_of_the_upload(connection: socket.socket, version: str) -> Answer:
    """Sends the second half, and returns the answer."""
    body = image(version)
    connection.sendall(body[len(body) // 2 :])
    return Answer.parse(read_all(connection))


def published(folder: Path) -> set[str]:
    """Returns the files of the catalog that could be of a release."""
    return {path.name for path in (folder / "catalog").rglob("*") if path.is_file()}


def id_of(state: Path, name: str) -> str:
    return next(info.id for info in TokenStore(state).all() if info.name == name)


def test_the_server_says_once_that_nobody_can_manage_it(
    server: RunningServer, folder: Path
) -> None:
    said = f"acpublish token create --manage --state {folder / 'state'}"
    assert server.log_so_far().count(said) == 1
    other = folder / "other"
    (other / "catalog").mkdir(parents=True)
    create_token(other / "state", manage=True)
    with running_server(other / "catalog", other) as managed:
        assert "--manage" not in managed.log_so_far()


@pytest.mark.parametrize("over", ["http", "the state folder"])
def test_an_upload_whose_token_is_revoked_publishes_nothing(
    server: RunningServer, folder: Path, manager: str, acpublish: CommandLine, over: str
) -> None:
    state, version = folder / "state", "0.1.0" if over == "http" else "0.2.0"
    text = create_token(state, "lamp", name=f"ci {version}")
    id_ = id_of(state, f"ci {version}")
    before = published(folder)
    with half_an_upload(server, version, text) as connection:
        where = ("--to", server.url) if over == "http" else ("--state", str(state))
        assert acpublish("token", "revoke", id_, *where).status == 0
        answer = rest_of_the_upload(connection, version)
    assert answer.status == 401
    assert json.loads(answer.body)["error"] == "the server does not know this token"
    assert published(folder) == before
    assert put(server, version, text).status == 401


def test_a_token_is_replaced_while_it_uploads(
    server: RunningServer, folder: Path, manager: str, acpublish: CommandLine
) -> None:
    old = create_token(folder / "state", "lamp", name="replaced")
    id_ = id_of(folder / "state", "replaced")
    with half_an_upload(server, "1.0.0", old) as connection:
        said = acpublish("token", "rotate", id_, "--grace", "24h", "--to", server.url)
        assert said.status == 0, said.err
        assert f"replaces {id_}, which ends at " in said.err
        # During the grace, nothing fails.
        assert rest_of_the_upload(connection, "1.0.0").status == 201
    assert server.logs(f"PUT /api/v1/releases/lamp/1.0.0/c3 201 (token {id_})")
    new = said.out.strip()
    assert put(server, "1.0.0", new).status == 200
    id_ = acpublish("token", "list", "--json", "--to", server.url).json()[-1]["id"]
    assert server.logs(f"PUT /api/v1/releases/lamp/1.0.0/c3 200 (token {id_})")
    # Without grace, the old one is refused at once.
    newest = acpublish("token", "rotate", id_, "--grace", "0s", "--to", server.url).out.strip()
    assert put(server, "1.0.0", new).status == 401
    assert put(server, "1.0.0", newest).status == 200
    assert not any(text in server.log_so_far() for text in (old, new, newest, manager))


def test_an_upload_whose_token_expires_publishes_nothing(
    server: RunningServer, folder: Path, manager: str, acpublish: CommandLine
) -> None:
    words = ("--publish", "lamp", "--name", "short", "--expires", "1h", "--to", server.url)
    text = acpublish("token", "create", *words).out.strip()
    before = published(folder)
    with half_an_upload(server, "3.0.0", text) as connection:
        # As if the hour were over.
        document = json.loads((folder / "state" / FILE).read_text())
        entry = next(entry for entry in document["tokens"] if entry["name"] == "short")
        entry["expires"] = entry["created"]
        atomic.write(folder / "state" / FILE, json.dumps(document).encode())
        answer = rest_of_the_upload(connection, "3.0.0")
    assert answer.status == 401
    assert json.loads(answer.body)["error"] == "the token has expired"
    assert published(folder) == before


def test_who_uses_tokens_is_listed_and_written_down(
    server: RunningServer, state: Path, manager: str, acpublish: CommandLine
) -> None:
    unused = create_token(state, read=True, name="unused")
    listed = acpublish("token", "list", "--json", "--to", server.url)
    used = {entry["id"]: entry["last_used"] for entry in listed.json()}
    assert used[id_of(state, "unused")] is None
    assert used[TokenStore(state).all()[-2].id] is not None
    assert unused not in listed.out
    end = time.monotonic() + PATIENCE_S
    while not last_uses(state):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_who_may_not_manage_may_not_change_tokens(
    server: RunningServer, state: Path, acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(state, "*", read=True))
    before = TokenStore(state).all()
    for words in (
        ("create", "--manage"),
        ("list",),
        ("revoke", before[0].id),
        ("rotate", before[0].id),
    ):
        said = acpublish("token", *words, "--to", server.url)
        assert said.status == 3
        assert "needs a token with the scope manage" in said.error()
    monkeypatch.delenv("ACPUBLISH_TOKEN")
    said = acpublish("token", "list", "--to", server.url)
    assert said.status == 3
    assert "ACPUBLISH_TOKEN" in said.error()
    assert [info.id for info in TokenStore(state).all()] == [info.id for info in before]


def test_what_devices_run_is_asked_for_with_the_token(
    server: RunningServer, state: Path, manager: str
) -> None:
    with pytest.raises(AuthenticationError, match="needs a token"):
        running_devices(Destination(to=server.url), "lamp")
    reader = create_token(state, read=True)
    assert running_devices(Destination(to=server.url, token=reader), "lamp") == ()
    publisher = create_token(state, "lamp")
    with pytest.raises(AuthenticationError, match="needs a token with the scope read"):
        running_devices(Destination(to=server.url, token=publisher), "lamp")


def test_uses_are_written_down_at_the_end(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    text = create_token(tmp_path / "state", "lamp", name="first")
    other = create_token(tmp_path / "state", "lamp", name="second")
    with running_server(tmp_path / "catalog", tmp_path) as server:
        assert put(server, "1.0.0", text).status == 201
        end = time.monotonic() + PATIENCE_S
        while not last_uses(tmp_path / "state"):
            assert time.monotonic() < end
            time.sleep(0.05)
        # The next minute has not come yet.
        assert put(server, "1.0.0", other).status == 200
        assert set(last_uses(tmp_path / "state")) == {id_of(tmp_path / "state", "first")}
        server.end()
    ids = {info.id for info in TokenStore(tmp_path / "state").all()}
    assert set(last_uses(tmp_path / "state")) == ids
