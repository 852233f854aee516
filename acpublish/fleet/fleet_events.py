"""What people want to be told of: a release, a rollout, or a device, each thing once.

An event is small, and everything in it may be shown to whoever may read the fleet. What it says of
a device comes from strangers; control characters are replaced where the device is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

#: A release can be offered: ``version``, ``channel``, ``boards``.
PUBLISHED = "published"
#: A release is no longer offered: ``version``, ``reason``.
WITHDRAWN = "withdrawn"
#: A channel was rolled back: ``version`` (None for nothing), ``channel``, ``reason``.
ROLLED_BACK = "rolled-back"
#: A rollout has reached a stage: ``rollout``, ``version``, ``channel``, ``stage``, ``stages``.
STAGE = "stage"
#: A rollout has halted: ``rollout``, ``version``, ``channel``, ``reason``.
HALTED = "halted"
#: A rollout is complete: as when it halts.
COMPLETED = "completed"
#: Something is wrong with a device: ``device``, ``name``, ``flags``, ``reason``.
FLAGGED = "flagged"
#: A device was seen for the first time: ``device``, ``board``.
NEW_DEVICE = "new-device"
#: A device runs another release: ``device``, ``version``, ``before``.
UPDATED = "updated"

KINDS = (
    *(PUBLISHED, WITHDRAWN, ROLLED_BACK),
    *(STAGE, HALTED, COMPLETED),
    *(FLAGGED, NEW_DEVICE, UPDATED),
)


class FleetEvent(NamedTuple):
    """Something that happened.

    Attributes:
        kind: One of :data:`KINDS`.
        at: When, in seconds since 1970.
        product: The product.
        data: What else there is to say, as JSON types; the keys depend on the kind.
    """

    kind: str
    at: float
    product: str
    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The same name for the same event, also after a restart; it has no full stop."""
        text = json.dumps([self.kind, self.at, self.product, self.data], sort_keys=True)
        return f"msg_{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


#: Called in the event loop, so it must return at once.
Listener = Callable[[FleetEvent], None]
