"""What most tests of the client do: ask a server for a short body."""

from __future__ import annotations

from acpublish.client.address import parse_address
from acpublish.client.responses import raise_refusal
from acpublish.client.retry import Patience
from acpublish.client.transport import Response, Transport

QUICK = Patience(first_wait_s=0.02, total_s=3.0)


def transport(url: str, *, timeout_s: float = 5.0, patience: Patience = QUICK) -> Transport:
    address = parse_address(url, token=None, insecure_http=False)
    return Transport(address, timeout_s=timeout_s, patience=patience)


def body_of(response: Response) -> bytes:
    if response.status != 200:
        raise_refusal(response, "it")
    return response.body(1000)
