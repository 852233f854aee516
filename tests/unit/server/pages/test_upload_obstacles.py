"""What keeps a file from being published: a check, skipped with a reason, and a signature."""

from __future__ import annotations

import html
import shlex
from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.keys import create_key
from acpublish.release.checks.facts import error, warning
from acpublish.server.pages.upload_obstacles import (
    field_of,
    need_reason,
    signing_command,
    skippable,
    typed_skips,
)
from tests.support.images import esp8266_image
from tests.unit.server.pages.test_upload_page import PATH, SKETCH, Uploading, played


def test_a_check_is_skipped_with_a_reason(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        await by.publish(await by.drop(lamp_v2__0__0_d1__bin=SKETCH), {})
        page = await by.drop(lamp_v1__0__0_d1__bin=esp8266_image(seed=2))
        (file,) = by.ids(page)
        field = field_of(file, "version-order")
        assert "version-order" in page.text
        assert f'name="{field}"' in page.text
        assert "Nothing was published." in (await by.publish(page, {})).text
        # A reason that the manifest could not contain is said beside the field, and stays there.
        long = "x" * 300
        page = await by.publish(page, {}, **{field: long})
        assert "The reason for version-order is not a single line" in page.text
        assert long in page.text
        part = await by.browser.post(f"{PATH}/check", {field: "<b>a test</b>"}, hx_request="true")
        assert "lamp 1.0.0 for d1 will be published to stable." in part.text
        assert "&lt;b&gt;a test&lt;/b&gt;" in part.text
        # Whoever empties the field has the check run again.
        part = await by.browser.post(f"{PATH}/check", {field: " "}, hx_request="true")
        assert "will be published" not in part.text
        await by.publish(page, {}, **{field: "a test"})
        images = [image for release in by.catalog.releases("lamp") for image in release.images]
        assert sorted(str(dict(image.skipped_checks)) for image in images) == [
            "{'version-order': 'a test'}",
            "{}",
        ]

    played(tmp_path, play)


def test_what_protects_devices_cannot_be_skipped(tmp_path: Path) -> None:
    async def play(by: Uploading) -> None:
        page = await by.drop(lamp_v1__0__0_d1__bin=SKETCH[:-100])
        (file,) = by.ids(page)
        assert "damaged" in page.text or "truncated" in page.text
        assert field_of(file, "damaged") not in page.text
        page = await by.publish(page, {}, **{field_of(file, "damaged"): "it will do"})
        assert "Nothing was published." in page.text
        assert by.catalog.products() == ()

    played(tmp_path, play)


def test_a_release_that_has_to_be_signed_comes_with_the_command(tmp_path: Path) -> None:
    key = create_key()

    async def play(by: Uploading) -> None:
        await by.publish(await by.drop(lamp_v1__0__0_d1__bin=SKETCH), {})
        by.catalog.trust.trust("lamp", key.public, confirmed=True)
        # It is said before anything else is filled in.
        page = await by.drop(lamp__bin=esp8266_image(seed=2))
        assert "has to be signed, and the private key is not on the server" in page.text
        assert key.public.id in page.text
        page = await by.publish(page, {"version": "1.0.1", "board": "d1"}, channel="beta")
        assert (
            "acpublish publish lamp.bin --product lamp --version 1.0.1 --board d1 --channel beta "
            "--key PEM --to http://localhost"
        ) in html.unescape(page.text)
        (file,) = by.ids(page)
        assert field_of(file, "signature") not in page.text
        part = await by.browser.post(f"{PATH}/check", {"channel": "stable"}, hx_request="true")
        assert "--board d1 --key PEM" in html.unescape(part.text)

    played(tmp_path, play)


def test_which_checks_can_be_skipped() -> None:
    findings = [
        error("version-order", "x", "x"),
        error("damaged", "x", "x"),
        warning("secrets", "x", "x"),
    ]
    assert skippable(findings, {"chip": "a trial"}) == ["chip", "version-order"]


def test_reasons_stay_as_they_were_if_their_fields_are_not_sent() -> None:
    form = {field_of("a", "chip"): " a trial ", field_of("b", "slot"): "no", "skip.a.damaged": "no"}
    assert typed_skips(form, "a", {"slot": "before"}) == {"chip": "a trial", "slot": "before"}
    assert typed_skips({field_of("a", "slot"): ""}, "a", {"slot": "before"}) == {}
    need_reason("chip", "a trial")
    with pytest.raises(SettingsError, match="not a single line"):
        need_reason("chip", "a\nb")


def test_a_name_is_one_word_of_the_command() -> None:
    command = signing_command(
        "--to http://a", "-x; rm *.bin", {"product": "", "version": "1.0.0"}, "stable"
    )
    assert shlex.split(command) == [
        *("acpublish", "publish", "./-x; rm *.bin", "--version", "1.0.0"),
        *("--key", "PEM", "--to", "http://a"),
    ]
