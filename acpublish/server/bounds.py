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
#: The same for a connection that only the API may use: people's programs are quick, and there are
#: few of these connections.
RESERVED_HEAD_S = 1.0
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
#: How much is read at once: more than two pipelined heads, so that a socket that is closed after
#: its last response has nothing left to read, for which the system would break it off.
READ_BYTES = 64 * 1024
#: What may wait to be sent before no more is written; an image waits beside that, in memory that
#: all its downloads share.
HIGH_BYTES = 64 * 1024
#: What one turn of the loop does before others get theirs: connections that are accepted, requests
#: of one connection that are answered, and connections that are looked at for progress.
ACCEPTED_IN_TURN = 64
ANSWERED_IN_TURN = 16
LOOKED_AT_IN_TURN = 500
#: What may wait while a request is being answered: more than a few pipelined requests.
MAX_PENDING_BYTES = 64 * 1024
#: More than any upload with its chunk heads; limits the trailers of a chunked body.
MAX_CHUNKED_BYTES = 64 * 1024 * 1024
#: Connections in all, whatever the system would allow: each takes up to 16 kB of memory.
MAX_CONNECTIONS = 20_000
#: Connections with TLS: each takes up to 400 kB of memory while it downloads.
MAX_TLS_CONNECTIONS = 2_000
#: Handshakes of TLS at a time: each keeps 50 kB, and a client that is in no hurry 20 s.
MAX_HANDSHAKES = 500
#: Connections that are kept for the API: people must reach a server that devices or strangers fill.
RESERVED_FOR_API = 64
#: How long accepting waits when there are no descriptors or no memory for another connection.
ACCEPT_AGAIN_S = 1.0
#: The share of the connections for devices that one address may have. It is large, because a whole
#: fleet may be behind one router; still, no single address keeps everyone else out.
SHARE_OF_ADDRESS = 0.75
#: A connection that has not acknowledged a byte for so long is dropped. A device that reads at all
#: acknowledges some within seconds; a Wi-Fi that is gone for longer breaks its download anyway.
STALLED_S = 180.0
#: Large files that are read at the same time, each with a piece of 256 KiB in memory.
MAX_LARGE_FILES = 256
#: Descriptors that are kept for these, the catalog, the log, the loop, and files that wait to be
#: published on the page.
RESERVED_FILES = 128 + MAX_LARGE_FILES
#: Heads that are remembered, each with what was decided about it: about 4 KB.
MAX_HEADS = 4096
#: Bodies of lists, of the devices' and of the API's answers that are kept.
ANSWERS_BYTES = 32 * 1024 * 1024
#: What waits to be written to the log: seconds of the access log of a busy server.
LOG_QUEUE_BYTES = 1024 * 1024
#: The body of a request to the API other than an image.
MAX_REQUEST_BYTES = 64 * 1024
#: How often the log tells of the same excess.
EXCESS_EVERY_S = 60.0
#: Requests that are handed over to uvicorn's protocol in a tenth of a second: each costs as much as
#: many checks, and 5,000 in one turn of the loop would make devices wait for seconds.
MAX_HANDED_OVER = 100
HANDED_OVER_S = 0.1
#: Device credentials that are being verified, in all and of one address: each takes about 40 ms of
#: a processor, and a device waits 8 s for the first byte.
MAX_VERIFYING = 16
MAX_VERIFYING_OF_ADDRESS = 8
#: Wrong device credentials that are recognised without being verified again.
MAX_WRONG_CREDENTIALS = 4096
#: When to try again: as long as a device takes for an image over a slow network.
RETRY_AFTER_S = 30


class BusyError(RequestError):
    """The server has as much to do as it may; the same request can succeed later."""
