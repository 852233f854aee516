"""The names of products, boards and channels: checked once, then carried as types of their own.

They become file names and parts of URLs, so they are lower case and have no character that any
file system, shell or stock updater could take for something else.

The kinds of image that a release has.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NewType

from acpublish.errors import BadNameError

__all__ = [
    "IMAGE_KINDS",
    "BoardName",
    "ChannelName",
    "ImageKind",
    "ProductName",
    "board",
    "channel",
    "is_name",
    "product",
    "product_from",
]

ProductName = NewType("ProductName", str)
BoardName = NewType("BoardName", str)
ChannelName = NewType("ChannelName", str)

#: ``project_name`` of the app descriptor has 32 bytes with its final NUL (``esp_app_desc.h``).
PRODUCT_BYTES = 31
BOARD_BYTES = 32
CHANNEL_BYTES = 32
#: Where releases go, and where development builds go, when nothing else is said.
STABLE = ChannelName("stable")
DEVELOPMENT = ChannelName("dev")
#: They would hide behind the server's own addresses.
RESERVED_PRODUCTS = frozenset({"api", "update"})

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.))*\Z")
_OTHER = re.compile(r"[^a-z0-9._-]+")
_DOTS = re.compile(r"\.{2,}")


def product(text: str) -> ProductName:
    """Returns the text as a product name.

    Raises:
        BadNameError: It is none; the hint proposes one.
    """
    _check("product name", text, PRODUCT_BYTES)
    if text in RESERVED_PRODUCTS:
        raise BadNameError(
            f"the product name {text!r} is an address of the server itself",
            hint=f"Choose another one, for example {text + '-firmware'!r}.",
        )
    return ProductName(text)


def board(text: str) -> BoardName:
    """Returns the text as a board name.

    Raises:
        BadNameError: It is none; the hint proposes one.
    """
    _check("board name", text, BOARD_BYTES)
    if text.endswith(".fs"):
        raise BadNameError(
            f"the board name {text!r} ends in '.fs', which marks filesystem images",
            hint=f"Choose another one, for example {text[:-3] + '-fs'!r}.",
        )
    return BoardName(text)


def channel(text: str) -> ChannelName:
    """Returns the text as a channel name.

    Raises:
        BadNameError: It is none; the hint proposes one.
    """
    _check("channel name", text, CHANNEL_BYTES)
    return ChannelName(text)


def is_name(text: str) -> bool:
    """Tells whether the text could be a name of any sort: cheap, for what comes from the wire."""
    return _NAME.match(text) is not None


def product_from(text: str) -> ProductName:
    """Makes a valid product name out of any text, such as the name of a project's folder."""
    name = _made_valid(text, PRODUCT_BYTES) or "firmware"
    if name in RESERVED_PRODUCTS:
        name += "-firmware"
    return ProductName(name)


def _check(what: str, text: str, limit: int) -> None:
    if not text:
        raise BadNameError(f"the {what} is empty", hint="Give one of letters, digits, '-' and '_'.")
    if len(text) > limit:
        problem = f"the {what} {_shown(text)} has {len(text)} characters, {limit} is the limit"
    elif not _NAME.match(text):
        problem = (
            f"the {what} {_shown(text)} is not made of lower-case letters, digits, '.', '_' and "
            "'-', beginning with a letter or a digit and without '..'"
        )
    else:
        return
    proposal = _made_valid(text, limit)
    hint = f"Use for example {proposal!r}." if proposal else "Give one such as 'sensor'."
    raise BadNameError(problem, hint=hint)


def _made_valid(text: str, limit: int) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _DOTS.sub(".", _OTHER.sub("-", plain)).lstrip("._-")[:limit].rstrip("._-")


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:37] + "...")


ImageKind = Literal["firmware", "filesystem"]
IMAGE_KINDS: tuple[ImageKind, ...] = ("firmware", "filesystem")
