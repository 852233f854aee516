"""Webhooks on the page, in the same files as by the command, with a receiver on this machine."""

from __future__ import annotations

import asyncio
import html
import re
from pathlib import Path
from urllib.parse import urlencode

from acpublish.fleet.fleet_events import FleetEvent
from acpublish.notices.webhook_file import DEFAULT_EVENTS, WebhookFile, new_webhook
from acpublish.notices.webhook_queue import WebhookQueue, queue_path
from tests.support.receiver import receiving
from tests.unit.server.pages.settings_site import HOSTILE, manager
from tests.unit.server.pages.visiting import application

PATH = "/_/settings/webhooks"


def test_a_webhook_is_added_tested_and_removed(tmp_path: Path) -> None:
    async def made() -> None:
        browser = await manager(application(tmp_path))
        file = WebhookFile(tmp_path / "state")
        await browser.get(PATH)
        with receiving() as receiver:
            pairs = [
                ("csrf", browser.csrf),
                ("url", f"{receiver.url}/hook"),
                ("format", "standard"),
            ]
            body = urlencode([*pairs, ("event", "halted"), ("event", "flagged")])
            assert (await browser.send("POST", f"{PATH}/add", body.encode())).status == 303
            (webhook,) = file.all()
            assert webhook.events == ("halted", "flagged")
            page = (await browser.get(PATH)).text
            assert webhook.secret in page
            assert webhook.secret not in (await browser.get(PATH)).text
            assert (await browser.post(f"{PATH}/{webhook.id}/test")).status == 303
            assert "The test was delivered" in (await browser.get(PATH)).text
            assert receiver.deliveries[0].path == "/hook"
            receiver.always = 500
            await browser.post(f"{PATH}/{webhook.id}/test")
            assert "answers HTTP 500" in (await browser.get(PATH)).text
        assert (await browser.post(f"{PATH}/{webhook.id}/remove")).status == 303
        assert file.all() == ()
        assert (await browser.post(f"{PATH}/{webhook.id}/test")).status == 404

    asyncio.run(made())


def test_a_webhook_of_ntfy_has_no_secret_to_show(tmp_path: Path) -> None:
    async def made() -> None:
        browser = await manager(application(tmp_path))
        page = (await browser.get(PATH)).text
        checked = re.findall(r'name="event" value="([\w-]+)" checked', page)
        assert tuple(checked) == DEFAULT_EVENTS
        fields = {"url": "https://ntfy.example/topic", "format": "ntfy", "token": "tk_secret"}
        await browser.post(f"{PATH}/add", fields)
        page = (await browser.get(PATH)).text
        assert "was added" in page
        (webhook,) = WebhookFile(tmp_path / "state").all()
        assert webhook.token == "tk_secret"
        assert webhook.secret not in page
        assert "tk_secret" not in page

    asyncio.run(made())


def test_what_is_wrong_is_beside_the_form(tmp_path: Path) -> None:
    async def refused() -> None:
        browser = await manager(application(tmp_path))
        await browser.get(PATH)
        page = await browser.post(f"{PATH}/add", {"url": "ftp://user:hush@x/", "event": "halted"})
        assert page.status == 400
        assert "is not a url that webhooks" in html.unescape(page.text).lower()
        assert re.findall(r'name="event" value="([\w-]+)" checked', page.text) == ["halted"]
        page = await browser.post(f"{PATH}/add", {"url": "https://x/", "format": "fax"})
        assert (page.status, "is not a format" in page.text) == (400, True)

    asyncio.run(refused())


def test_what_could_not_be_delivered_is_tried_again(tmp_path: Path) -> None:
    async def shown() -> None:
        state = tmp_path / "state"
        browser = await manager(application(tmp_path))
        webhook = new_webhook("https://user:hush@example.com/hook?token=hush")
        WebhookFile(state).add(webhook)
        queue = WebhookQueue(
            queue_path(state, webhook.id), disabled="the receiver answers HTTP 410"
        )
        queue.add(FleetEvent("flagged", 1.0, "lamp", {"device": HOSTILE, "reason": "x"}), 2.0)
        queue.add(FleetEvent("published", 1.0, "lamp", {"version": "1.0.0"}), 2.0)
        queue.add(FleetEvent("withdrawn", 1.0, "porch", {}), 2.0)
        queue.write()
        page = (await browser.get(PATH)).text
        assert "disabled" in page
        assert "lamp 1.0.0" in page
        assert "porch" in page
        assert html.escape(HOSTILE, quote=False).replace('"', "&#34;") in page
        assert "hush" not in page
        assert (await browser.post(f"{PATH}/{webhook.id}/retry")).status == 303
        assert WebhookFile(state).find(webhook.id).again
        queue.path.write_text("{")
        page = await browser.get(PATH)
        assert (page.status >= 500, str(tmp_path) in page.text) == (True, False)

    asyncio.run(shown())
