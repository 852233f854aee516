"""Publishing, the use case: version source, stamp, checks, plan, put."""

from acpublish.publishing.options import (
    DEFAULT_CHANNEL,
    DEVELOPMENT_CHANNEL,
    Destination,
    PublishOptions,
)
from acpublish.publishing.publish import (
    Catalog,
    Publication,
    describe,
    open_catalog,
    publish_image,
    read_file,
    stamped,
)
from acpublish.publishing.sources import VersionSource, resolve

__all__ = [
    "DEFAULT_CHANNEL",
    "DEVELOPMENT_CHANNEL",
    "Catalog",
    "Destination",
    "Publication",
    "PublishOptions",
    "VersionSource",
    "describe",
    "open_catalog",
    "publish_image",
    "read_file",
    "resolve",
    "stamped",
]
