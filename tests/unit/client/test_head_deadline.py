"""All headers of a response have one deadline; a body has none."""

from __future__ import annotations

import time

import pytest
import requests

from acpublish.client.head_deadline import HeadDeadline
from tests.unit.client.scripted import Script, head, scripted


def get(url: str, seconds: float, **proxies: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", HeadDeadline(seconds))
        return session.get(url, timeout=5.0, stream=True, proxies=proxies)


def dribble() -> Script:
    return [b"HTTP/1.0 200 OK\r\n", *(part for _ in range(100) for part in (0.03, b"X"))]


@pytest.mark.parametrize("through_proxy", [False, True])
def test_headers_that_dribble_are_cut_off(through_proxy: bool) -> None:
    with scripted(dribble()) as server:
        proxies = {"http": server.url} if through_proxy else {}
        url = "http://host.invalid/x" if through_proxy else f"{server.url}/x"
        begun = time.monotonic()
        with pytest.raises((requests.RequestException, TimeoutError), match="timed out"):
            get(url, 0.3, **proxies)
        assert 0.25 < time.monotonic() - begun < 2.0


def test_a_slow_body_is_not_cut_off() -> None:
    with scripted([head(Content_Length=2), b"a", 0.6, b"b"]) as server:
        assert get(f"{server.url}/x", 0.3).content == b"ab"


def test_headers_within_the_deadline() -> None:
    with scripted([0.1, head(Content_Length=0)]) as server:
        assert get(f"{server.url}/x", 2.0).status_code == 200
