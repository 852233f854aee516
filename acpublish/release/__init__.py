"""Releases: names, versions, manifests, and the pure rules over them. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acpublish.lazy import lazily

if TYPE_CHECKING:
    from acpublish.release.checks import Finding, Severity, check, raise_errors
    from acpublish.release.compression import Form, choose_form, gzip_beside
    from acpublish.release.cores import core, core_of_framework
    from acpublish.release.decision import Decision, Verdict, decide_file, decide_update, newest
    from acpublish.release.declared import Declared
    from acpublish.release.history import Size, build_changes, sizes
    from acpublish.release.kinds import IMAGE_KINDS, ImageKind
    from acpublish.release.manifest import Release, ReleaseImage
    from acpublish.release.names import BoardName, ChannelName, ProductName
    from acpublish.release.placement import Placement, place, visible_name
    from acpublish.release.running import Running, running_version
    from acpublish.release.secret_rules import SecretRules
    from acpublish.release.secrets import SecretFound, find_secrets
    from acpublish.release.signatures import ReleaseSignature
    from acpublish.release.submission import Compressed, Outcome, Receipt, Submission
    from acpublish.release.version import Version
else:
    __getattr__ = lazily(
        __name__,
        checks="Finding Severity check raise_errors",
        compression="Form choose_form gzip_beside",
        cores="core core_of_framework",
        decision="Decision Verdict decide_file decide_update newest",
        declared="Declared",
        history="Size build_changes sizes",
        kinds="IMAGE_KINDS ImageKind",
        manifest="Release ReleaseImage",
        names="BoardName ChannelName ProductName",
        placement="Placement place visible_name",
        running="Running running_version",
        secret_rules="SecretRules",  # noqa: S106
        secrets="SecretFound find_secrets",
        signatures="ReleaseSignature",
        submission="Compressed Outcome Receipt Submission",
        version="Version",
    )

__all__ = [
    "IMAGE_KINDS",
    "BoardName",
    "ChannelName",
    "Compressed",
    "Decision",
    "Declared",
    "Finding",
    "Form",
    "ImageKind",
    "Outcome",
    "Placement",
    "ProductName",
    "Receipt",
    "Release",
    "ReleaseImage",
    "ReleaseSignature",
    "Running",
    "SecretFound",
    "SecretRules",
    "Severity",
    "Size",
    "Submission",
    "Verdict",
    "Version",
    "build_changes",
    "check",
    "choose_form",
    "core",
    "core_of_framework",
    "decide_file",
    "decide_update",
    "find_secrets",
    "gzip_beside",
    "newest",
    "place",
    "raise_errors",
    "running_version",
    "sizes",
    "visible_name",
]
