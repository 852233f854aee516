"""What an answer means, in one line without secrets."""

from __future__ import annotations

import pytest

from acpublish.cli import exit_status
from acpublish.client.responses import raise_refusal
from acpublish.client.transport import Response
from acpublish.errors import RefusedError
from tests.unit.client.asking import body_of, transport
from tests.unit.client.scripted import head, json_answer, scripted


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 There", "308 There"])
def test_redirects_are_not_followed_and_show_no_password(status: str) -> None:
    with scripted([head(status, Location="http://me:s3cret@other/x")]) as server:
        with pytest.raises(RefusedError, match="redirects it to") as caught:
            transport(server.url).exchange("GET", "/x", body_of)
        assert "s3cret" not in str(caught.value)
        assert len(server.requests) == 1


def test_an_error_of_the_server_is_one_redacted_line() -> None:
    said = '{"error": "no\\n\\u001b[31mdisk for http://me:s3cret@x/ ", "hint": "Add\\none."}'
    with scripted(json_answer(said, "507 Full")) as server, pytest.raises(RefusedError) as caught:
        transport(server.url).exchange("GET", "/x", body_of)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.hint == "Add one."


@pytest.mark.parametrize("status", ["400 Bad", "404 No", "405 No", "410 Gone", "507 Full"])
def test_what_will_not_pass_is_not_tried_again(status: str) -> None:
    with scripted([head(status)]) as server:
        with pytest.raises(RefusedError, match=status[:3]):
            transport(server.url).exchange("GET", "/x", body_of)
        assert len(server.requests) == 1


@pytest.mark.parametrize("code", ["read-only", "tokens"])
def test_a_server_that_somebody_has_to_repair_is_not_asked_again(code: str) -> None:
    said = f'{{"error": "the server cannot do it", "hint": "x", "code": "{code}"}}'
    with scripted(json_answer(said, "503 Service Unavailable")) as server:
        with pytest.raises(RefusedError, match="503 to it: the server cannot do it") as caught:
            transport(server.url).exchange("GET", "/x", judged)
        assert exit_status.status_of(caught.value) == 5
        assert len(server.requests) == 1


def judged(answer: Response) -> None:
    raise_refusal(answer, "it")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("413 Too large", "responded with 413 to it with a web page. Raise the limit of the proxy"),
        ("400 Bad", "responded with 400 to it with a web page. Look at the logs"),
        ("502 Bad Gateway", "responded with 502 to it with a web page. Look at the logs"),
        ("404 No", "responded with HTML, so it is not an acpublish server"),
        ("405 No", "responded with HTML, so it is not an acpublish server"),
    ],
)
def test_a_page_of_a_proxy_is_not_taken_for_a_wrong_address(status: str, says: str) -> None:
    page = [head(status, Content_Type="text/html"), b"<html>nginx</html>"]
    with scripted(page) as server, pytest.raises(RefusedError) as caught:
        transport(server.url).exchange("GET", "/x", body_of)
    assert says in str(caught.value)


def test_a_secret_at_the_end_of_a_cut_line_is_masked_whole() -> None:
    said = f'{{"error": "{"x" * 285} s3cret-s3cret-s3cret-s3cret"}}'
    with scripted(json_answer(said, "507 Full")) as server:
        url = server.url.replace("//", "//me:s3cret-s3cret-s3cret-s3cret@")
        with pytest.raises(RefusedError) as caught:
            transport(url).exchange("GET", "/x", body_of)
    assert "s3cret" not in str(caught.value)
