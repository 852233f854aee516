"""What a server says of a product: its releases, and the keys that they have to be signed with."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from acpublish.client.answer import Answer
from acpublish.client.judging import json_body, looks_like_html, not_acpublish, odd, raise_refusal
from acpublish.client.transfer import Transport
from acpublish.errors import MissingExtraError, SettingsError
from acpublish.keys import PublicKey, read_public_key
from acpublish.release import Release, Running

__all__ = ["read_releases", "read_running", "read_trusted_keys"]

_MAX_RELEASES_BYTES = 64 * 1024 * 1024
_MAX_DEVICES_BYTES = 4 * 1024 * 1024
_MAX_SMALL_BYTES = 64 * 1024


def read_releases(transport: Transport, product: str) -> tuple[Release, ...]:
    """Returns a product's releases; none for a product not yet there.

    Raises:
        TransferError: The server cannot be reached, refuses, or answers something else.
        ManifestError: A release that it sends cannot be read.
    """
    found = _of_product(transport, product, "releases", "", _MAX_RELEASES_BYTES)
    return tuple(Release.from_dict(one, f"releases[{number}]") for number, one in enumerate(found))


def read_trusted_keys(transport: Transport, product: str) -> tuple[PublicKey, ...]:
    """Returns the keys that a product trusts; none where any release is taken.

    Raises:
        TransferError: The server cannot be reached, refuses, or answers something else.
        MissingExtraError: There are keys, and cryptography is not installed.
    """
    found = _of_product(transport, product, "keys", "/keys", _MAX_SMALL_BYTES)
    try:
        return tuple(read_public_key(one["public"].encode()) for one in found)
    except MissingExtraError:
        raise
    except (SettingsError, KeyError, TypeError, AttributeError) as fault:
        raise odd(transport.address, "keys that cannot be read") from fault


def read_running(transport: Transport, product: str) -> tuple[Running, ...]:
    """Returns what the devices run that asked for a product; none where the server knows of none.

    Raises:
        TransferError: The server cannot be reached, refuses, or answers something else.
        ManifestError: What it says of them cannot be read.
    """
    found = _of_product(transport, product, "devices", "/devices", _MAX_DEVICES_BYTES)
    return tuple(map(Running.from_dict, found))


def _of_product(
    transport: Transport, product: str, field: str, more: str, limit_bytes: int
) -> list[Any]:
    what = f"the list of {field}"

    def judge(answer: Answer) -> list[Any]:
        if answer.status == 404:
            if looks_like_html(answer, answer.body(_MAX_SMALL_BYTES)):
                raise not_acpublish(answer)
            return []
        if answer.status != 200:
            raise_refusal(answer, what)
        document = json_body(answer, what, limit_bytes)
        found = document.get(field) if isinstance(document, dict) else None
        if not isinstance(found, list) or document.get("product") != product:
            raise odd(answer.address, f"something other than the product's {field}")
        return found

    return transport.exchange("GET", f"/api/v1/products/{quote(product, '')}{more}", judge)
