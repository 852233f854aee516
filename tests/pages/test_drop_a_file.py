"""``docs/how-to/drop-a-file.md``: its commands, with a real browser and a software device."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, Command, blocks, commands
from tests.docs.sandbox import Sandbox
from tests.support import images, preloaded
from tests.support.browser import Watched

DOCUMENT = ROOT / "docs/how-to/drop-a-file.md"
#: What is called by its name on the page.
_BOLD = re.compile(r"\*\*(.+?)\*\*")


@contextmanager
def sandbox_in(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Yields the place where the commands run."""
    sandbox = Sandbox(tmp, tmp / "core")
    monkeypatch.chdir(sandbox.project)
    monkeypatch.setenv("HOME", str(sandbox.home))
    try:
        yield sandbox
    finally:
        sandbox.close()


def login_link(sandbox: Sandbox, command: Command) -> str:
    """Returns the link that a command prints."""
    words = command.text.replace("~", str(sandbox.home)).split()[1:]
    status, text = preloaded.run(
        [sys.executable, "-m", "acpublish", *words],
        env=sandbox.environ,
        cwd=sandbox.project,
        wait_s=60.0,
    )
    assert status == 0, text
    return next(line for line in text.splitlines() if line.startswith("http://"))


def test_from_serve_to_a_first_update(
    watch: Callable[..., Watched], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = [block for block in blocks(DOCUMENT) if block.language == "console"]
    begin, link, update = (commands(block) for block in console)
    (sketch,) = (block.text for block in blocks(DOCUMENT) if block.language == "cpp")
    with sandbox_in(tmp_path, monkeypatch) as sandbox:
        for command in begin:
            sandbox.run(command)
        watched = watch(type("Server", (), {"url": sandbox.url})())
        page = watched.page
        page.goto(login_link(sandbox, link[0]))
        page.get_by_role("main").get_by_role("link", name="Upload").click()

        # The first version, by what the document calls the fields.
        built = sandbox.project / "lamp.ino.bin"
        built.write_bytes(images.esp8266_image(seed=1, record=False))
        page.locator("input[type=file]").set_input_files(built)
        file = page.get_by_role("region", name="lamp.ino.bin")
        assert file.get_by_label("Product").input_value() == "lamp"
        file.get_by_label("Version").fill("1.0.0")
        file.get_by_label("Board").fill("d1_mini")
        page.get_by_role("button", name="Publish", exact=True).click()
        page.get_by_role("heading", name="lamp 1.0.0 for d1_mini").wait_for()
        line = page.locator(".command code", has_text="ESPhttpUpdate.update").inner_text()
        assert line in sketch.replace("http://192.168.1.10:8000", str(sandbox.url))
        device = sandbox.project / "device.bin"
        device.write_bytes(built.read_bytes())

        # The update, with the version that the page proposes.
        built.write_bytes(images.esp8266_image(seed=2, record=False))
        page.locator("input[type=file]").set_input_files(built)
        file.get_by_text("incomplete").wait_for()
        assert file.get_by_label("Board").input_value() == "d1_mini"
        assert "the next could be 1.0.1" in file.inner_text()
        file.get_by_label("Version").fill("1.0.1")
        page.get_by_label("Note").fill("It blinks faster")
        page.get_by_role("button", name="Publish", exact=True).click()
        page.get_by_role("heading", name="lamp 1.0.1 for d1_mini").wait_for()
        for command in update:
            sandbox.run(command)
        assert device.read_bytes() == built.read_bytes()


def test_what_the_document_names_is_on_the_page() -> None:
    texts = (ROOT / "acpublish/server/pages/texts/en").glob("*.json")
    known = "".join(text.read_text() for text in texts)
    named = set(_BOLD.findall(DOCUMENT.read_text()))
    assert {"Upload", "Product", "Version", "Board", "Publish", "Channel", "Note"} <= named
    assert [name for name in named if f'"{name}"' not in known and name not in known] == []
