"""The bytes of a release's image for whoever may read them, whether it is offered or not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from starlette.responses import Response, StreamingResponse

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import NotFoundError, RequestError
from acpublish.release.manifest import CLEARED, ReleaseImage
from acpublish.release.names import IMAGE_KINDS
from acpublish.release.version import Version
from acpublish.server.image_headers import image_headers
from acpublish.server.sending import CHUNK_BYTES

Run = Callable[[Callable[[], bool]], Awaitable[bool]]


async def stored_image(
    catalog: DirectoryCatalog, product: str, version: Version, board: str, kind: str, run: Run
) -> Response:
    """Responds with the bytes of an image, also of one that was withdrawn.

    Args:
        catalog: Where releases are.
        product: The product.
        version: The release.
        board: The board.
        kind: Firmware or a filesystem.
        run: Calls a function in one of few threads.

    Raises:
        RequestError: There is no such kind.
        NotFoundError: There is no such image, or its bytes are gone.
    """
    if kind not in IMAGE_KINDS:
        raise RequestError("there is no such kind", hint="Use firmware or filesystem.")
    release = next(
        (release for release in catalog.releases(product) if release.version == version), None
    )
    image = release.image_for(board, kind) if release else None
    if image is None:
        raise NotFoundError(
            f"{product} {version} has no {kind} for {board}",
            hint=f"See /api/v1/products/{product}.",
        )
    if image.withdrawn in CLEARED or not await run(partial(_is_there, catalog, image)):
        raise NotFoundError(
            f"the bytes of {image.file} are gone", hint="Publish it as a newer version."
        )
    response = StreamingResponse(_parts(catalog, image))
    response.raw_headers = [
        *image_headers(image.file, image.size, image.md5, image.sha256),
        (b"cache-control", b"no-store"),
    ]
    return response


def _is_there(catalog: DirectoryCatalog, image: ReleaseImage) -> bool:
    try:
        os.close(catalog.open_object(image.sha256))
    except OSError:
        return False
    return True


async def _parts(catalog: DirectoryCatalog, image: ReleaseImage) -> AsyncIterator[bytes]:
    """Yields the bytes of an image, little by little: many slow clients take little memory."""
    descriptor = await asyncio.to_thread(catalog.open_object, image.sha256)
    with os.fdopen(descriptor, "rb") as file:
        while part := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield part
