"""Upload in a real browser: three files dropped, looked at and published; and without a script."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.image.stamper import stamp
from tests.support.browser import Watched
from tests.support.images import esp32_image, esp8266_image, gzipped, merged_image
from tests.support.page_site import PageServer
from tests.support.tokens import create_token

Opened = Callable[..., Watched]
#: Lets the browser drop files on a place, as if they came from a folder.
_DROP = """([place, files]) => {
  const transfer = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer });
    document.querySelector(place).dispatchEvent(event);
  }
}"""

#: Changes a field without moving the focus.
_TYPE = """(field, text) => {
  field.value = text;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}"""


@pytest.fixture(scope="module")
def upload_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server whose product ``lamp`` has releases and sends new ones in stages."""
    with PageServer.running(tmp_path_factory.mktemp("upload"), devices=3) as server:
        server.site.policy("1,100%")
        yield server


def uploader(watch: Opened, server: PageServer, name: str, **options: object) -> Watched:
    """Opens the page for somebody who may publish everything."""
    watched = watch(server.server, **options)
    watched.sign_in(create_token(server.site.state, publish="*", name=name))
    watched.go("/_/upload")
    return watched


def test_three_files_are_dropped_and_published(watch: Opened, upload_server: PageServer) -> None:
    watched = uploader(watch, upload_server, "dropper")
    page = watched.page
    files = {
        "Garage.ino.nodemcuv2.bin": esp8266_image(seed=11),
        "<img src=x onerror=alert(1)>_with-a-name-that-is-much-too-long.bin": merged_image(),
        "lamp_c3.bin": stamp(esp32_image("esp32c3", seed=12), "lamp", "1.2.0"),
        "porch_v2.0.0_d1_mini.bin.gz": gzipped(esp8266_image(seed=13)),
    }
    sent = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    page.evaluate(_DROP, ["[data-drop]", sent])
    page.get_by_role("button", name="Publish 4 files").wait_for()
    assert page.get_by_text("The file is a merged factory image").is_visible()
    watched.check()
    watched.check_dark()
    watched.screenshot("upload-files")
    page.get_by_role("button", name="Publish 4 files").click()
    page.get_by_text("Nothing was published.").wait_for()
    page.get_by_role("button", name="Remove <img").click()
    page.get_by_role("button", name="Publish 3 files").wait_for()

    garage = page.get_by_role("region", name="Garage.ino")
    # What is focused must not be pressed, as htmx does with the buttons of a form that it sends.
    page.get_by_role("button", name="Remove lamp").focus()
    garage.get_by_label("Board").evaluate(_TYPE, "nodemcu")
    garage.get_by_label("Board").evaluate(_TYPE, "nodemcuv2")
    # The checks run again as soon as something was typed, and nothing that is typed is lost.
    garage.get_by_label("Version").fill("0.1.0")
    garage.get_by_label("Version").press("Tab")
    garage.get_by_text("garage 0.1.0 for nodemcuv2 will be published to stable.").wait_for()
    assert page.get_by_text("It goes to stable in stages").is_visible()
    page.get_by_label("Note").fill("Three of them")
    page.get_by_role("button", name="Publish 3 files").click()
    page.get_by_text("All 3 files are published.").wait_for()
    watched.check()
    watched.screenshot("upload-published")
    catalog = DirectoryCatalog(upload_server.site.catalog)
    assert {"garage", "lamp", "porch"} <= set(catalog.products())
    assert ("1.2.0", "") in upload_server.site.rolling()
    assert page.get_by_role("link", name="See the release").count() == 3


def test_upload_without_javascript(
    watch: Opened, upload_server: PageServer, tmp_path: Path
) -> None:
    watched = uploader(watch, upload_server, "plain", java_script_enabled=False)
    page = watched.page
    (tmp_path / "shed_v1.0.0.bin").write_bytes(esp32_image("esp32c3", seed=20))
    page.get_by_label("Drop .bin").set_input_files(tmp_path / "shed_v1.0.0.bin")
    page.get_by_role("button", name="Upload").click()
    page.get_by_label("Board").fill("Not A Board")
    # The Enter key publishes nothing, and removes nothing.
    page.get_by_label("Board").press("Enter")
    page.get_by_text("The board name 'Not A Board'").wait_for()
    page.get_by_label("Board").fill("c3")
    page.get_by_role("button", name="Check again").last.click()
    page.get_by_text("shed 1.0.0 for c3 will be published to stable.").wait_for()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_role("heading", name="shed 1.0.0 for c3").wait_for()
    assert page.get_by_text("/update/shed/c3").first.is_visible()


def test_a_check_is_skipped_and_a_reason_that_is_being_typed_stays(
    watch: Opened, upload_server: PageServer
) -> None:
    watched = uploader(watch, upload_server, "skipper")
    page = watched.page
    lower = {"lamp_v0.0.1_c3.bin": esp32_image("esp32c3", seed=31)}
    sent = [[name, base64.b64encode(data).decode()] for name, data in lower.items()]
    page.evaluate(_DROP, ["[data-drop]", sent])
    reason = page.get_by_label("Skip the check version-order, because")
    reason.press_sequentially("a lower one")
    page.get_by_label("Note").evaluate(_TYPE, "typed elsewhere")
    page.get_by_text("lamp 0.0.1 for c3 will be published to stable.").wait_for()
    assert reason.input_value() == "a lower one"
    assert reason.evaluate("field => field === document.activeElement")
    watched.screenshot("upload-skip")
    reason.evaluate(_TYPE, "")
    page.get_by_text("refused", exact=True).wait_for()
    page.get_by_role("button", name="Remove lamp").click()
    page.get_by_text("Drop images, see what they are").wait_for()
