from __future__ import annotations

import pytest

from acpublish.publishing.options import Destination


@pytest.mark.parametrize(
    ("to", "server"),
    [
        ("http://h:1", True),
        ("HTTPS://h", True),
        ("bin", False),
        ("/srv/http", False),
        ("httpd", False),
    ],
)
def test_a_server_is_known_by_its_address(to: str, server: bool) -> None:
    assert Destination(to=to).is_server is server


def test_a_token_is_never_shown() -> None:
    assert "secret" not in repr(Destination(to="http://h", token="secret"))
