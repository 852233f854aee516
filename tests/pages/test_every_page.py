"""Every page in a real browser: usable by everyone, silent, and no markup of anybody runs in it.

A route that is neither in a table here nor named as what it is instead fails a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from unittest.mock import MagicMock
from urllib.parse import quote

import pytest

from acpublish.server.pages.page_app import PAGES
from tests.support.browser import SCREENSHOTS, Watched
from tests.support.full_site import fill
from tests.support.images import esp8266_image
from tests.support.page_site import PageServer
from tests.support.tokens import create_token

if TYPE_CHECKING:
    from playwright.sync_api import Page

Opened = Callable[..., Watched]
CHANGE = "/_/products/lamp/change?version=1.1.0&action="
#: The pages by their routes, each with the name of its pictures.
PATHS: dict[str, dict[str, str]] = {
    "/": {"overview": "/"},
    "/_/sign-in": {"sign-in": "/_/sign-in"},
    "/_/parts": {"parts": "/_/parts"},
    "/_/settings": {"settings-server": "/_/settings"},
    "/_/settings/storage": {"settings-storage": "/_/settings/storage"},
    "/_/settings/policies": {"settings-policies": "/_/settings/policies"},
    "/_/settings/policies/channel": {
        "settings-policy": "/_/settings/policies/channel?product=lamp&channel=stable"
    },
    "/_/settings/tokens": {"settings-tokens": "/_/settings/tokens"},
    "/_/settings/device-access": {"settings-access": "/_/settings/device-access"},
    "/_/settings/webhooks": {"settings-webhooks": "/_/settings/webhooks"},
    "/_/settings/sessions": {"settings-sessions": "/_/settings/sessions"},
    "/_/products": {"products": "/_/products"},
    "/_/products/{product}": {"product": "/_/products/lamp"},
    "/_/products/{product}/history": {"product-history": "/_/products/lamp/history"},
    "/_/products/{product}/change": {
        "change-promote": f"{CHANGE}promote",
        "change-withdraw": f"{CHANGE}withdraw",
        "change-rollback": "/_/products/lamp/change?action=rollback&channel=stable",
    },
    "/_/products/{product}/compare": {"compare": "/_/products/lamp/compare?a=1.0.0&b=1.1.0"},
    "/_/products/{product}/{version}": {"release": "/_/products/lamp/1.1.0"},
    "/_/products/{product}/{version}/checks": {"checks": "/_/products/lamp/1.1.0/checks"},
    "/_/upload": {"upload": "/_/upload"},
    "/_/devices": {"devices": "/_/devices"},
    "/_/devices/{device:path}": {"device": "/_/devices/lamp/24:0a:c4:00:00:03"},
    "/_/rollouts": {"rollouts": "/_/rollouts"},
    "/_/rollouts/new": {"rollout-start": "/_/rollouts/new?product=lamp&version=1.1.0&plan=yes"},
    "/_/rollouts/{rollout}": {
        "rollout-running": "/_/rollouts/{lamp}",
        "rollout-halted": "/_/rollouts/{thermostat}",
    },
}
#: Those that are no page, and what they are.
NO_PAGES = {
    "/_/live": "a stream",
    "/_/products/{product}/{version}/image": "a download",
    "/_/rollouts/{rollout}/actions": "a part of the page of the rollout",
}
#: What is read without a sign-in.
OPEN = ("sign-in", "overview", "product", "release")
MARKUP = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
CONTROLS = f"\x01\x1b[31m\x7f\x85\u202e\u2028\u200b{MARKUP}"
#: Sends each form of a page that has a field to type into, once for each of its buttons, past what
#: the browser itself would refuse; returns what the pages that come back are made of.
_SEND = """async (text) => {
  const typed = ["textarea", "input:not([type])", "[type=text]", "[type=search]", "[type=url]",
    "[type=password]"].join();
  const results = [], sent = new Set();
  for (const form of document.forms) {
    const fields = [...form.elements].filter((field) => field.matches(typed));
    // With the token that is used here, the page would be signed out.
    if (!fields.length || form.closest("tr")?.innerText.includes("yours")) continue;
    for (const button of [...form.elements].filter((field) => field.type === "submit")) {
      const data = new FormData(form);
      for (const field of fields) data.set(field.name, text);
      if (button.name) data.set(button.name, button.value);
      const target = button.getAttribute("formaction") ?? form.getAttribute("action") ?? "";
      const url = new URL(target, document.URL);
      const query = new URLSearchParams(data), options = {};
      const key = `${url.pathname.replace(/[0-9a-f]{8}/, "ID")} ${button.name}=${button.value}`;
      if (sent.has(key)) continue;
      sent.add(key);
      if (form.getAttribute("method") === "post") {
        options.method = "POST";
        options.body = form.enctype === "multipart/form-data" ? data : query;
      } else url.search = query;
      const response = await fetch(url, options);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      results.push({
        form: key, status: response.status,
        parts: page.querySelectorAll("img, script:not([src])").length, text: page.body.textContent,
      });
    }
  }
  return results;
}"""
_ANSWERS = (200, 400, 404, 409, 422)
_UNSEEN = set("\x01\x1b\x7f\x85\u202e\u2028\u200b")


@pytest.fixture(scope="module")
def full_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server that has been used for a while."""
    with PageServer.running(tmp_path_factory.mktemp("full")) as server:
        fill(server)
        yield server


def paths(server: PageServer) -> dict[str, str]:
    """Returns the addresses of all pages, by the names of their pictures."""
    rollouts = server.api("GET", "fleet/rollouts")["rollouts"]
    ids = {rollout["product"]: quote(rollout["id"]) for rollout in rollouts}
    return {
        name: path.format(**ids) for of_route in PATHS.values() for name, path in of_route.items()
    }


def test_each_page_is_in_the_table() -> None:
    site = MagicMock()
    routes = {
        route.path for page in PAGES for route in page(site) if "GET" in (route.methods or ())
    }
    assert routes == set(PATHS) | set(NO_PAGES)


@pytest.mark.timeout(600)
def test_each_page_is_usable_by_everyone(watch: Opened, full_server: PageServer) -> None:
    anybody, watched = watch(full_server.server), watch(full_server.server)
    watched.sign_in(create_token(full_server.site.state, publish="*", manage=True, name="ann"))
    every = paths(full_server)
    for name, path in every.items():
        # Who is signed in is sent on from there.
        if name != "sign-in":
            look(watched, name, path)
    look(watched, "problem", "/_/no-such-page")
    for name in OPEN:
        look(anybody, f"{name}-signed-out", every[name])


def look(watched: Watched, name: str, path: str) -> None:
    """Looks at a page in light and dark."""
    watched.go(path)
    assert watched.page.url == watched.url + path
    assert watched.page.get_by_role("heading", level=1).count() == 1, name
    assert watched.problems() == [], name
    watched.check_dark()
    if SCREENSHOTS:
        watched.screenshot(name)


def test_each_page_of_an_empty_server(watch: Opened, empty_server: PageServer) -> None:
    watched = watch(empty_server.server)
    page = watched.go("/")
    assert empty_server.server.url in page.locator("main").inner_text()
    look(watched, "first-steps-signed-out", "/")
    watched.sign_in(create_token(empty_server.site.state, publish="*", manage=True, name="ann"))
    for name, path in (
        ("first-steps", "/"),
        ("products-empty", "/_/products"),
        ("devices-empty", "/_/devices"),
        ("rollouts-empty", "/_/rollouts"),
        ("rollout-start-empty", "/_/rollouts/new"),
        ("settings-storage-empty", "/_/settings/storage"),
        ("settings-policies-empty", "/_/settings/policies"),
        ("settings-webhooks-empty", "/_/settings/webhooks"),
        ("settings-access-empty", "/_/settings/device-access"),
    ):
        watched.go(path)
        watched.screenshot(name)
        assert watched.problems() == [], name


@pytest.mark.timeout(600)
def test_markup_in_every_field_does_nothing(watch: Opened, full_server: PageServer) -> None:
    """Last in this file, because it leaves nothing as it was."""
    watched = watch(full_server.server)
    served, page = full_server, watched.page
    watched.sign_in(create_token(served.site.state, publish="*", manage=True))
    watched.go("/_/upload")
    data = {"name": f"{MARKUP}.bin", "mimeType": "", "buffer": esp8266_image(seed=7)}
    page.locator("input[type=file]").set_input_files([data])  # type: ignore[list-item]
    page.get_by_role("button", name="Publish", exact=True).wait_for()
    every, forms = paths(served).values(), set()
    for path in every:
        watched.go(path)
        for text in (MARKUP, CONTROLS):
            for result in page.evaluate(_SEND, text):
                # Nobody can sign in with markup; everything else is allowed here.
                allowed = (401,) if result["form"].startswith("/_/sign-in") else _ANSWERS
                assert result["status"] in allowed, result
                assert (result["parts"], set(result["text"]) & _UNSEEN) == (0, set()), result
                forms.add(result["form"])
    assert len(forms) > 20, forms
    for path in every:
        watched.go(path)
        need_no_effect(page, path)
    watched.need_silence()


def need_no_effect(page: Page, where: str) -> None:
    """Makes sure that no markup of somebody else became a part of the page."""
    assert page.locator("img, script:not([src])").count() == 0, where
    assert page.title() != "run", where
    text = page.locator("body").inner_text()
    assert not set(text) & _UNSEEN, where
