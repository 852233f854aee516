"""Publishing, the use case: version source, stamp, checks, plan, put."""

from acpublish.publishing.difference import Difference, Side, difference
from acpublish.publishing.importing import Imported, carry_out, plan_import
from acpublish.publishing.options import (
    DEVELOPMENT_CHANNEL,
    CheckOptions,
    Destination,
    ImportOptions,
    PublishOptions,
)
from acpublish.publishing.places import Catalog, open_catalog
from acpublish.publishing.plan import Plan
from acpublish.publishing.preflight import preflight
from acpublish.publishing.publication import Publication, describe
from acpublish.publishing.publish import publish_image, stamped
from acpublish.publishing.reading import read_file
from acpublish.publishing.signer import any_key, private_key, public_key
from acpublish.publishing.sources import VersionSource, resolve
from acpublish.publishing.standing import standing
from acpublish.publishing.workflow import tell_workflow
from acpublish.publishing.writing import write_file, write_secret

__all__ = [
    "DEVELOPMENT_CHANNEL",
    "Catalog",
    "CheckOptions",
    "Destination",
    "Difference",
    "ImportOptions",
    "Imported",
    "Plan",
    "Publication",
    "PublishOptions",
    "Side",
    "VersionSource",
    "any_key",
    "carry_out",
    "describe",
    "difference",
    "open_catalog",
    "plan_import",
    "preflight",
    "private_key",
    "public_key",
    "publish_image",
    "read_file",
    "resolve",
    "stamped",
    "standing",
    "tell_workflow",
    "write_file",
    "write_secret",
]
