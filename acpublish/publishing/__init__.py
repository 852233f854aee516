"""Publishing, the use case: version source, stamp, checks, plan, put."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acpublish.lazy import lazily

if TYPE_CHECKING:
    from acpublish.publishing.checking import preflight
    from acpublish.publishing.comparing import Difference, Side, difference
    from acpublish.publishing.importing import Imported, carry_out, plan_import
    from acpublish.publishing.options import (
        DEVELOPMENT_CHANNEL,
        CheckOptions,
        Destination,
        ImportOptions,
        PublishOptions,
    )
    from acpublish.publishing.places import Catalog, open_catalog, running_devices
    from acpublish.publishing.plan import Plan
    from acpublish.publishing.publication import Publication, describe
    from acpublish.publishing.publish import publish_image, stamped
    from acpublish.publishing.published import running_line, standing
    from acpublish.publishing.reading import read_file
    from acpublish.publishing.signer import any_key, private_key, public_key
    from acpublish.publishing.sources import VersionSource, resolve
    from acpublish.publishing.workflow import tell_workflow
    from acpublish.publishing.writing import write_file, write_secret
else:
    __getattr__ = lazily(
        __name__,
        comparing="Difference Side difference",
        importing="Imported carry_out plan_import",
        options="DEVELOPMENT_CHANNEL CheckOptions Destination ImportOptions PublishOptions",
        places="Catalog open_catalog running_devices",
        checking="preflight",
        plan="Plan",
        publication="Publication describe",
        publish="publish_image stamped",
        reading="read_file",
        signer="any_key private_key public_key",
        sources="VersionSource resolve",
        published="running_line standing",
        workflow="tell_workflow",
        writing="write_file write_secret",
    )

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
    "running_devices",
    "running_line",
    "stamped",
    "standing",
    "tell_workflow",
    "write_file",
    "write_secret",
]
