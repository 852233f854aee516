"""What the addresses below ``/update/`` ask for.

=====================================  ==========================================================
``/update/<product>/<board>``          the image that a channel points at
``/update/<product>/<board>.md5``      its MD5, and ``.sha256`` its SHA-256
``/update/<product>/<board>.json``     its manifest (:mod:`acpublish.release.update_manifest`)
=====================================  ==========================================================

1. The channel is ``?channel=<channel>``, or ``stable``.
2. Names are lower case, so an address means the same in any case, and with a slash at its end.
3. What is literal wins: the name of a board may end in ``.md5`` or ``.json`` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from acpublish.release import names
from acpublish.wire import UPDATE_PREFIX


class Form(Enum):
    """In which form an address asks for an image."""

    IMAGE = ""
    MD5 = ".md5"
    SHA256 = ".sha256"
    MANIFEST = ".json"


_FORMS = tuple(form for form in Form if form.value)
_PREFIX_BYTES = len(UPDATE_PREFIX)
_MAX_URLS = 1024
#: Far more than two names with a suffix and a channel; a longer address is read each time.
_MAX_REMEMBERED_BYTES = 512


@dataclass(frozen=True, slots=True)
class UpdateAddress:
    """An address below ``/update/``.

    Attributes:
        product: The product.
        readings: What it may ask for: a board and the form, the most literal reading first.
        channel: The channel.
        literal: Whether the product and the board were given in lower case, so that the address
            cannot be that of any other file of the catalog.
    """

    product: str
    readings: tuple[tuple[str, Form], ...]
    channel: str
    literal: bool


def update_address(path: bytes, query: bytes) -> UpdateAddress | None:
    """Reads an address below ``/update/``.

    Returns:
        None if it is not made of a product and a board, each of which could be a name.
    """
    if len(path) + len(query) > _MAX_REMEMBERED_BYTES:
        return _read.__wrapped__(path, query)
    return _read(path, query)


@lru_cache(_MAX_URLS)
def _read(path: bytes, query: bytes) -> UpdateAddress | None:
    given = unquote_to_bytes(path[_PREFIX_BYTES:]).decode("latin-1").removesuffix("/")
    product, _, board = given.lower().partition("/")
    readings = [(board, Form.IMAGE)]
    readings += [
        (board.removesuffix(form.value), form) for form in _FORMS if board.endswith(form.value)
    ]
    possible = tuple(reading for reading in readings if names.is_name(reading[0]))
    channel = _channel(query)
    if not possible or not names.is_name(product) or not names.is_name(channel):
        return None
    return UpdateAddress(product, possible, channel, given == given.lower())


def _channel(query: bytes) -> str:
    # A sketch may append a query to a path that already has one, and then means its own.
    for appended in reversed(query.split(b"?")):
        for part in appended.split(b"&"):
            key, _, value = part.partition(b"=")
            if key == b"channel":
                return unquote_to_bytes(value).decode("latin-1").lower()
    return names.STABLE
