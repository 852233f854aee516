from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acpublish.catalog import beneath
from acpublish.catalog.beneath import Beneath


@pytest.fixture(params=[True, False], ids=["dir_fd", "without dir_fd"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(beneath, "_HAS_DIR_FD", request.param)
    root = tmp_path / "catalog"
    (root / "sub/inner").mkdir(parents=True)
    (root / "sub/x.bin").write_bytes(b"inside")
    (tmp_path / "outside.bin").write_bytes(b"outside")
    return root


def content(root: Path, name: str) -> tuple[str, bytes]:
    parts, descriptor = Beneath(str(root)).open(name)
    with os.fdopen(descriptor, "rb") as file:
        return "/".join(parts), file.read()


@pytest.mark.parametrize(
    ("link", "target", "name"),
    [
        ("link.bin", "sub/x.bin", "link.bin"),
        ("sub/link.bin", "../sub/./x.bin", "sub/link.bin"),
        ("folder", "sub", "folder/x.bin"),
        ("absolute", "{root}/sub", "absolute/x.bin"),
        ("around", "../catalog/sub", "around/x.bin"),
        ("unused", "sub", "sub/inner/../x.bin"),
        ("unused", "sub", "//./sub//x.bin"),
    ],
)
def test_links_that_stay_inside_are_followed(root: Path, link: str, target: str, name: str) -> None:
    (root / link).symlink_to(target.format(root=root))
    assert content(root, name) == ("sub/x.bin", b"inside")
    parts, status = Beneath(str(root)).status(name)
    assert (parts, stat.S_ISREG(status.st_mode)) == (("sub", "x.bin"), True)


@pytest.mark.parametrize(
    "name",
    ["out.bin", "outer/outside.bin", "../outside.bin", "sub/../../outside.bin", "circle", "missing",
     "dangling", "sub/x.bin/y", "fifo", "sub", "", "a" * 5000, "x\0y", "\ud800", "a/" * 100],
)  # fmt: skip
def test_nothing_else_is_opened(root: Path, name: str) -> None:
    (root / "out.bin").symlink_to(root.parent / "outside.bin")
    (root / "outer").symlink_to(root.parent)
    (root / "circle").symlink_to("circle")
    (root / "dangling").symlink_to("nowhere")
    os.mkfifo(root / "fifo")
    with pytest.raises(OSError):  # noqa: PT011
        content(root, name)


def test_a_chain_of_links_has_a_limit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below, target = Beneath(str(root)), root / "sub/x.bin"
    tries = []

    def always_a_link(parts: tuple[str, ...]) -> tuple[str, ...]:
        tries.append(parts)
        return (*parts, "again")

    monkeypatch.setattr(below, "_resolved", always_a_link)
    (root / "link").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        below._follow("link", lambda parts: (_ for _ in ()).throw(OSError(40, "a link")))
    assert len(tries) == beneath.MAX_LINKS


def test_a_directory_is_listed(root: Path) -> None:
    (root / "folder").symlink_to("sub")
    with Beneath(str(root)).scan("folder") as (parts, items):
        assert parts == ("sub",)
        assert {item.name for item in items} == {"inner", "x.bin"}
    with Beneath(str(root)).scan("") as (parts, items):
        assert parts == ()
        assert {item.name for item in items} == {"folder", "sub"}


@contextmanager
def swapping(link: Path, *targets: Path) -> Iterator[None]:
    """Lets a link lead to one target after the other, as fast as it can."""
    end = threading.Event()

    def swap() -> None:
        fresh = link.with_name("fresh")
        while not end.is_set():
            for target in targets:
                fresh.symlink_to(target)
                fresh.replace(link)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        yield
    finally:
        end.set()
        swapper.join()


@pytest.mark.parametrize("name", ["link.bin", "folder/x.bin"])
def test_a_link_that_is_swapped_never_leads_out(root: Path, name: str) -> None:
    (root.parent / "x.bin").write_bytes(b"outside")
    if name == "link.bin":
        link, inside, outside = root / name, root / "sub/x.bin", root.parent / "x.bin"
    else:
        link, inside, outside = root / "folder", root / "sub", root.parent
    link.symlink_to(inside)
    seen = set()
    with swapping(link, inside, outside):
        for _ in range(100):
            try:
                seen.add(content(root, name)[1])
            except OSError:
                seen.add(b"")
    assert b"outside" not in seen


def test_descriptors_are_closed(root: Path) -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.glob("*")))
    below = Beneath(str(root))
    for name in ("sub/x.bin", "sub/missing", "missing/x.bin", "sub"):
        for _ in range(10):
            try:
                os.close(below.open(name)[1])
            except OSError:
                below.status("sub/x.bin")
    assert len(list(descriptors.glob("*"))) == before
