"""What strangers can make the server keep, open or wait for: every bound with its reason.

Whatever is beyond a bound gets 503 with Retry-After, or a closed connection, and is counted. The
log tells of it once a minute.
"""

from __future__ import annotations

from acpublish.errors import RequestError

#: No genuine target is longer than 1 KiB, and servers in general accept 8.
MAX_LINE_BYTES = 8 * 1024
#: A head of a device has about 500 bytes; browsers and proxies add to it.
MAX_HEAD_BYTES = 16 * 1024
#: A device sends its whole head at once; this is for the slow and the idle.
HEAD_DEADLINE_S = 10.0
#: A connection may be reused for so long; devices use each for one request.
KEEP_ALIVE_S = 5.0
#: An ESP8266 takes 3 to 4 s for its side of a handshake, and its network some more.
HANDSHAKE_S = 20.0
#: With TLS, asyncio may have 100 KiB left to send when a connection is closed, and 500 B/s is slow.
TLS_LINGER_S = 300.0
#: A client of TLS that has nothing left to read is to say so; one that is idle does not notice.
TLS_CLOSE_S = 2.0
#: A proxy sends its header at once; a lost packet takes 3 s (proxy-protocol.txt, section 2).
PROXY_HEADER_S = 5.0
#: Files that are being sent, as a multiple of the cache: one that many read counts once.
IN_FLIGHT_FACTOR = 4
#: What may wait while a request is being answered: more than a few pipelined requests.
MAX_PENDING_BYTES = 64 * 1024
#: More than any upload with its chunk heads; limits the trailers of a chunked body.
MAX_CHUNKED_BYTES = 64 * 1024 * 1024
#: Connections in all, whatever the system would allow: each takes up to 16 kB of memory.
MAX_CONNECTIONS = 20_000
#: Descriptors that are kept for files, the log and the loop.
RESERVED_FILES = 128
#: Connections that are kept for the API: people must reach a server that devices or strangers fill.
RESERVED_FOR_API = 64
#: How long accepting waits when there are no descriptors or no memory for another connection.
ACCEPT_AGAIN_S = 1.0
#: The share of all connections that one address may have. It is large, because a whole fleet may be
#: behind one router; still, no single address keeps everyone else out.
SHARE_OF_ADDRESS = 0.75
#: A connection that has not acknowledged a byte for so long is dropped. A device that reads at all
#: acknowledges some within seconds; a Wi-Fi that is gone for longer breaks its download anyway.
STALLED_S = 180.0
#: Large files that are read at the same time, each with a piece of 256 KiB in memory.
MAX_LARGE_FILES = 256
#: How often the log tells of the same excess.
EXCESS_EVERY_S = 60.0
#: Requests that are handed over to uvicorn's protocol in a tenth of a second: each costs as much as
#: many checks, and 5,000 in one turn of the loop would make devices wait for seconds.
MAX_HANDED_OVER = 100
HANDED_OVER_S = 0.1
#: When to try again: as long as a device takes for an image over a slow network.
RETRY_AFTER_S = 30


class BusyError(RequestError):
    """The server has as much to do as it may; the same request can succeed later."""
