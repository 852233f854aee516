"""The fields of a form: what cannot be read is refused, and nothing is read without end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acpublish.server.bounds import MAX_REQUEST_BYTES
from tests.unit.server.pages.visiting import Browser, application


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"name=" + b"x" * MAX_REQUEST_BYTES, {}, 413),
        (b"&".join([b"a=b"] * 2000), {}, 400),
        (b"name=%ff\xff", {}, 400),
        (b"{}", {"content_type": "application/json"}, 400),
    ],
)
def test_a_form_that_cannot_be_read(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    async def sent() -> int:
        browser = Browser(application(tmp_path))
        await browser.get("/_/parts")
        page = await browser.send("POST", "/_/parts", body, x_csrf_token=browser.csrf, **headers)
        assert "Traceback" not in page.text
        return page.status

    assert asyncio.run(sent()) == status
