"""Connections on which anything is sent, and everything read, many at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence


async def exchange(
    port: int, parts: Sequence[bytes], *, pause_s: float, quiet_s: float, patience_s: float
) -> bool:
    """Sends bytes on a connection, reads until nothing more comes, and ends its own side.

    Args:
        port: Where to connect.
        parts: What to send at a time.
        pause_s: The pause between two parts.
        quiet_s: How long to wait for more before it ends its side.
        patience_s: How long to wait after that.

    Returns:
        Whether the other side has ended the connection.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        # Whoever refuses a request may break its connection off.
        with contextlib.suppress(OSError):
            for number, part in enumerate(parts):
                if number:
                    await asyncio.sleep(pause_s)
                writer.write(part)
                await writer.drain()
            if quiet_s and await _read_on(reader, quiet_s):
                return True
            writer.write_eof()
            return await _read_on(reader, patience_s)
        return True
    finally:
        writer.transport.abort()


async def _read_on(reader: asyncio.StreamReader, quiet_s: float) -> bool:
    """Reads until the end, or until nothing more comes; returns whether the end came."""
    # In Python 3.10 it is another class.
    with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
        while await asyncio.wait_for(reader.read(65536), quiet_s):
            pass
        return True
    return False
