"""Images: bytes in, facts or bytes out, no I/O.

- :func:`read` tells all that can be told of a file; any bytes give a result.
- :func:`stamp` writes product and version into a sound application image.
- :func:`compare` tells what changed between two files.
- :func:`compress` makes the gzip that an ESP8266 inflates.
- :func:`read_partitions` reads the table that says where an image shall fit.
- :func:`outline` tells by headers alone whether a file is whole.
"""

from __future__ import annotations

from acpublish.image.chain import ReadAt
from acpublish.image.compare import Change, Comparison, SegmentChange, changes, compare
from acpublish.image.compress import compress
from acpublish.image.esp8266 import ESP8266_RECORD_MAGIC
from acpublish.image.model import (
    AppDescriptor,
    Image,
    Integrity,
    Kind,
    Outline,
    RunningDigests,
    Segment,
    Signature,
    SignatureBlock,
    Stamp,
)
from acpublish.image.outliner import outline
from acpublish.image.partitions import Partition, PartitionTable, read_partitions
from acpublish.image.reader import read
from acpublish.image.shape import STAMP_FIELD_BYTES
from acpublish.image.stamper import blank_record, fits, stamp

__all__ = [
    "ESP8266_RECORD_MAGIC",
    "STAMP_FIELD_BYTES",
    "AppDescriptor",
    "Change",
    "Comparison",
    "Image",
    "Integrity",
    "Kind",
    "Outline",
    "Partition",
    "PartitionTable",
    "ReadAt",
    "RunningDigests",
    "Segment",
    "SegmentChange",
    "Signature",
    "SignatureBlock",
    "Stamp",
    "blank_record",
    "changes",
    "compare",
    "compress",
    "fits",
    "outline",
    "read",
    "read_partitions",
    "stamp",
]
