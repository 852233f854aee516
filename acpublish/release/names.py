"""The names of products, boards and channels, checked once and then carried as separate types.

They become file names and parts of URLs, so they are lower case and contain no character that a
file system, a shell or a stock updater could misread. The kinds of image are named here as well,
and the path at which devices ask for updates, which is made of names.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal, NewType

from acpublish.errors import BadNameError

ProductName = NewType("ProductName", str)
BoardName = NewType("BoardName", str)
ChannelName = NewType("ChannelName", str)

#: ``project_name`` of the app descriptor has 32 bytes with its final NUL (``esp_app_desc.h``).
PRODUCT_BYTES = 31
BOARD_BYTES = 32
CHANNEL_BYTES = 32
#: Where releases go, and where development builds go, unless a channel is given.
STABLE = ChannelName("stable")
DEVELOPMENT = ChannelName("dev")
#: The server's own URLs would hide them.
RESERVED_PRODUCTS = frozenset({"api", "u", "update"})

#: At most 32 characters, so requests cannot make the server keep longer ones.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.)){0,31}\Z")
_OTHER = re.compile(r"[^a-z0-9._-]+")
_DOTS = re.compile(r"\.{2,}")
#: An update path as a literal in a program, which a NUL ends. A sketch may append a channel to a
#: path that has one already, and the server then reads the last one.
_UPDATE_PATH = re.compile(
    rb"/update/[a-z0-9][a-z0-9._-]{0,31}/[a-z0-9][a-z0-9._-]{0,31}"
    rb"(?:\?channel=[a-z0-9][a-z0-9._-]{0,31}){0,4}(?=\0)"
)
#: A stranger's image may consist of nothing else.
_MAX_UPDATE_PATHS = 64


def listed(text: str) -> tuple[str, ...]:
    """Returns the names in a text, which has commas or spaces between them; none is checked."""
    return tuple(text.replace(",", " ").split())


def product(text: str) -> ProductName:
    """Returns a string as a product name.

    Raises:
        BadNameError: It is not a valid one; the hint proposes one.
    """
    _check("product name", text, PRODUCT_BYTES)
    if text in RESERVED_PRODUCTS:
        raise BadNameError(
            f"the product name {text!r} is reserved for the server's own URLs",
            hint=f"Choose another name, for example {text + '-firmware'!r}.",
        )
    return ProductName(text)


def board(text: str) -> BoardName:
    """Returns a string as a board name.

    Raises:
        BadNameError: It is not a valid one; the hint proposes one.
    """
    _check("board name", text, BOARD_BYTES)
    if text.endswith(".fs"):
        raise BadNameError(
            f"the board name {text!r} ends in '.fs', which marks filesystem images",
            hint=f"Choose another name, for example {text[:-3] + '-fs'!r}.",
        )
    return BoardName(text)


def channel(text: str) -> ChannelName:
    """Returns a string as a channel name.

    Raises:
        BadNameError: It is not a valid one; the hint proposes one.
    """
    _check("channel name", text, CHANNEL_BYTES)
    return ChannelName(text)


def is_name(text: str) -> bool:
    """Returns whether a string could be a name of any kind: cheap, for requests."""
    return _NAME.match(text) is not None


def update_path(product: str, board: str, channel: str) -> str:
    """Returns the path at which devices ask for what a channel has for their board."""
    query = "" if channel == STABLE else f"?channel={channel}"
    return f"/update/{product}/{board}{query}"


def update_paths_in(data: bytes) -> frozenset[str]:
    """Returns the update paths that an image contains as literals."""
    matches = itertools.islice(_UPDATE_PATH.finditer(data), _MAX_UPDATE_PATHS)
    return frozenset(match[0].decode("ascii") for match in matches)


def channels_asked(paths: Iterable[str], product: str, board: str) -> frozenset[str]:
    """Returns the channels on which firmware asks for updates, by the paths that it contains."""
    path = update_path(product, board, STABLE)
    return frozenset(
        asked.rpartition("?channel=")[2] if "?" in asked else STABLE
        for asked in paths
        # ESPHome and esp32FOTA ask for the update manifest.
        if asked.partition("?")[0] in (path, f"{path}.json")
    )


def product_from(text: str) -> ProductName:
    """Returns a valid product name made from any string, such as the name of a project's folder."""
    name = _made_valid(text, PRODUCT_BYTES) or "firmware"
    if name in RESERVED_PRODUCTS:
        name += "-firmware"
    return ProductName(name)


def product_or_none(text: str) -> ProductName | None:
    """Returns the product that a text names, such as an old file; None if it might be another's.

    A name from which letters are dropped, or which is cut, may be that of several products, and a
    device would get the image of another one. Accents, spaces and signs may be lost.
    """
    plain = unicodedata.normalize("NFKD", text)
    lost = any(character.isalnum() and not character.isascii() for character in plain)
    if lost or len(plain) > PRODUCT_BYTES or not _made_valid(text, PRODUCT_BYTES):
        return None
    return product_from(text)


def board_from(text: str) -> BoardName:
    """Returns a valid board name made from any string, such as the id of a board.

    One that is valid apart from its capital letters stays. Any other is shortened, and ends in six
    digits of its own SHA-256, so that two different ones do not become the same name.
    """
    plain = text.lower()
    if _NAME.match(plain) and not plain.endswith(".fs"):
        return BoardName(plain)
    digits = "-" + hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return BoardName((_made_valid(plain, BOARD_BYTES - len(digits)) or "board") + digits)


def _check(what: str, text: str, limit: int) -> None:
    if not text:
        raise BadNameError(f"the {what} is empty", hint="Use letters, digits, '-' and '_'.")
    if len(text) > limit:
        problem = f"the {what} {_shown(text)} is {len(text)} characters long; the limit is {limit}"
    elif not _NAME.match(text):
        problem = (
            f"the {what} {_shown(text)} is invalid: it may contain only lower-case letters, "
            "digits, '.', '_' and '-', must begin with a letter or digit, and must not contain "
            "'..'"
        )
    else:
        return
    proposal = _made_valid(text, limit)
    hint = f"Use for example {proposal!r}." if proposal else "Use a name such as 'sensor'."
    raise BadNameError(problem, hint=hint)


def _made_valid(text: str, limit: int) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _DOTS.sub(".", _OTHER.sub("-", plain)).lstrip("._-")[:limit].rstrip("._-")


def _shown(text: str) -> str:
    # Like ascii(), repr() escapes what could control a terminal, but leaves letters as they are.
    return repr(text if len(text) <= 40 else text[:37] + "...")


ImageKind = Literal["firmware", "filesystem"]
IMAGE_KINDS: tuple[ImageKind, ...] = ("firmware", "filesystem")
