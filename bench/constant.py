"""The smallest ASGI application, in its own process: ``python -m bench.constant PORT``.

It answers every request with 304 and does nothing else, under uvicorn with uvloop and httptools.
So it shows what a server behind uvicorn costs before it has decided anything.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

_Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: Any, receive: Any, send: _Send) -> None:
    """Answers a request."""
    await send({"type": "http.response.start", "status": 304, "headers": []})
    await send({"type": "http.response.body"})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        workers=1,
    )
