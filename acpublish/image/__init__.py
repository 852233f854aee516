"""Images: bytes in, facts or bytes out, no I/O.

- :func:`read` tells all that can be told of a file; any bytes give a result.
- :func:`stamp` writes product and version into a sound application image.
- :func:`compare` tells what changed between two files.
- :func:`compress` makes the gzip that an ESP8266 inflates.
- :func:`read_partitions` reads the table that says where an image shall fit.
- :func:`outline` tells by headers alone whether a file is whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acpublish.lazy import lazily

if TYPE_CHECKING:
    from acpublish.image.chain import ReadAt
    from acpublish.image.comparison import Change, Comparison, SegmentChange, changes, compare
    from acpublish.image.compression import compress
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
    from acpublish.image.record import (
        ESP8266_RECORD_MAGIC,
        STAMP_FIELD_BYTES,
        blank_record,
        fits,
    )
    from acpublish.image.stamper import stamp
else:
    __getattr__ = lazily(
        __name__,
        chain="ReadAt",
        comparison="Change Comparison SegmentChange changes compare",
        compression="compress",
        model="AppDescriptor Image Integrity Kind Outline RunningDigests Segment Signature "
        "SignatureBlock Stamp",
        outliner="outline",
        partitions="Partition PartitionTable read_partitions",
        reader="read",
        record="ESP8266_RECORD_MAGIC STAMP_FIELD_BYTES blank_record fits",
        stamper="stamp",
    )

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
