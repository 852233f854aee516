"""Files that wait: for nobody else, not too many, and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.errors import ConflictError, RequestError
from acpublish.image.reader import read
from acpublish.release.identifying import Identified
from acpublish.server.pages import waiting_files
from acpublish.server.pages.sessions import BY_LINK, Session, Sessions
from acpublish.server.pages.waiting_files import WaitingFile, WaitingFiles

DATA = b"\xe9" + bytes(999)


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[WaitingFiles]:
    """The files of all sessions, in a state folder that is not there yet."""
    files = WaitingFiles(tmp_path / "state")
    yield files
    files.close()


def session(token: str = BY_LINK.id) -> Session:
    return Session(replace(BY_LINK, id=token), 0.0, 0.0)


def waiting_file(waiting: WaitingFiles, name: str = "lamp.bin") -> WaitingFile:
    return WaitingFile(
        name=name,
        size=len(DATA),
        image=read(DATA),
        unpacked=False,
        found=Identified(),
        file=waiting.store(DATA),
    )


def test_a_file_has_no_name_on_the_disk_and_belongs_to_its_session(
    tmp_path: Path, waiting: WaitingFiles
) -> None:
    async def run() -> None:
        own = session()
        waiting.add(own, waiting_file(waiting))
        assert list((tmp_path / "state").iterdir()) == []
        (file,) = waiting.of(own).waiting
        assert file.read() == DATA
        assert file.read() == DATA
        assert waiting.of(session()).files == []
        assert waiting.of(None).files == []
        waiting.remove(own, file)
        assert waiting.of(own).files == []
        with pytest.raises(ConflictError, match="is gone"):
            file.read()

    asyncio.run(run())


def test_files_go_with_their_session(waiting: WaitingFiles) -> None:
    async def run() -> None:
        sessions = Sessions(lambda token: token)
        sessions.on_end.append(waiting.drop)
        cookie = sessions.begin(BY_LINK)
        found = sessions.find(cookie)
        assert found
        own, file = found[0], waiting_file(waiting)
        waiting.add(own, file)
        sessions.end(cookie)
        assert file.file.closed
        assert waiting.of(own).files == []
        late = waiting_file(waiting)
        with pytest.raises(ConflictError, match="session has ended"):
            waiting.add(own, late)
        assert late.file.closed

    asyncio.run(run())


def test_files_go_after_a_while(waiting: WaitingFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_files, "KEEP_S", 0.01)

    async def run() -> None:
        own = session()
        file = waiting_file(waiting)
        waiting.add(own, file)
        while waiting.of(own).files:
            await asyncio.sleep(0.01)
        assert file.file.closed

    asyncio.run(run())


@pytest.mark.parametrize(
    ("limit", "most"),
    [("MAX_FILES", 2), ("MAX_BYTES", 2500), ("MAX_ALL_FILES", 4), ("MAX_ALL_BYTES", 4500)],
)
def test_there_is_a_limit(
    waiting: WaitingFiles, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(waiting_files, limit, most)

    async def run() -> None:
        own, again, other, third = session(), session(), session("other"), session("third")
        waiting.add(own, waiting_file(waiting))
        waiting.add(own, waiting_file(waiting))
        with pytest.raises(ConflictError):
            waiting.add(own, waiting_file(waiting))
        waiting.add(other, waiting_file(waiting))
        waiting.add(other, waiting_file(waiting))
        # A token has half of the place, however often somebody has signed in with it.
        for session_of_all in (again, third):
            if "ALL" in limit:
                with pytest.raises(ConflictError, match="too many files"):
                    waiting.add(session_of_all, waiting_file(waiting))
            else:
                waiting.add(session_of_all, waiting_file(waiting))
        waiting.remove(own, waiting.of(own).waiting[0])
        waiting.add(own, waiting_file(waiting))

    asyncio.run(run())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RequestError, match="cannot keep the file"):
        WaitingFiles(tmp_path / "file").store(DATA)
