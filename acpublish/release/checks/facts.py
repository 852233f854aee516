"""What a check is, which facts it judges by, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

from acpublish.image.model import Image, Stamp
from acpublish.keys import PublicKey
from acpublish.release.coordinates import Coordinates
from acpublish.release.declared import Declared
from acpublish.release.manifest import (
    PROVENANCE_CORE,
    Release,
    ReleaseImage,
    ReleaseSignature,
)
from acpublish.release.names import IMAGE_KINDS, ImageKind
from acpublish.release.secret_search import SecretFound
from acpublish.release.secrets import SecretRules
from acpublish.release.signatures import submitted_statement
from acpublish.release.submission import Submission


class Severity(str, Enum):
    """Whether a finding stops a publish."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found: its name, whether that stops a publish, the problem, and what to do."""

    check: str
    severity: Severity
    problem: str
    hint: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.check}: {self.problem}. {self.hint}"


def error(name: str, problem: str, hint: str) -> Finding:
    """Returns a finding that stops a publish."""
    return Finding(check=name, severity=Severity.ERROR, problem=problem, hint=hint)


def warning(name: str, problem: str, hint: str) -> Finding:
    """Returns a finding that is only reported."""
    return Finding(check=name, severity=Severity.WARNING, problem=problem, hint=hint)


@dataclass(frozen=True, slots=True)
class Lacks:
    """What a check needs to know and does not: it was not run."""

    what: str


class Described(Protocol):
    """What checks take from a submission, or from the options before there is one."""

    @property
    def declared(self) -> Declared:
        """What only the client knows about the board and the build."""

    @property
    def secrets(self) -> SecretRules:
        """How to treat secrets in the image."""

    @property
    def skipped_checks(self) -> Mapping[str, str]:
        """The checks that are switched off, each with the reason."""

    def as_arguments(self) -> dict[str, Any]:
        """Returns the coordinates as keyword arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Coordinates):
    """Everything that checks judge by; each None is a fact that is not known.

    Attributes:
        image: What :func:`acpublish.image.reader.read` says about the exact bytes to publish.
        releases: The product's releases so far.
        secrets: What was found in the bytes, None if they were not searched.
        secrets_stop: Whether a secret that is found is an error.
        gzip: Whether a gzip of the image is published as well.
        gzip_bytes: The size of that gzip; None if there is none, or it is not known.
        core: The ESP8266 Arduino core that the image was built with.
        declared: What only the client knows about the board and the build.
        signatures: What the release is signed with.
        stated: What a signature of the release must cover.
        trusted_keys: The keys that the product trusts; empty if it accepts any release.
        skipped: The checks that are switched off, each with the reason.
        update_paths: The paths of updates that the image contains; empty if none is a literal.
    """

    image: Image
    releases: tuple[Release, ...] | None = None
    secrets: tuple[SecretFound, ...] | None = None
    secrets_stop: bool = False
    gzip: bool = False
    gzip_bytes: int | None = None
    core: str | None = None
    declared: Declared = field(default_factory=Declared)
    signatures: tuple[ReleaseSignature, ...] | None = None
    stated: bytes | None = None
    trusted_keys: tuple[PublicKey, ...] | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    update_paths: frozenset[str] = frozenset()

    @classmethod
    def so_far(
        cls,
        image: Image,
        described: Described,
        releases: Iterable[Release] | None,
        trusted_keys: Iterable[PublicKey] | None = None,
    ) -> Facts:
        """Returns what is known before an image is handed in; None is what is not known."""
        return cls(
            **described.as_arguments(),
            image=image,
            releases=None if releases is None else tuple(releases),
            secrets_stop=described.secrets.severity == "error",
            declared=described.declared,
            skipped=described.skipped_checks,
            trusted_keys=None if trusted_keys is None else tuple(trusted_keys),
        )

    @classmethod
    def of(
        cls,
        image: Image,
        submission: Submission,
        releases: Iterable[Release],
        trusted_keys: Iterable[PublicKey] | None = None,
    ) -> Facts:
        """Returns what is known when an image is published."""
        return replace(
            cls.so_far(image, submission, releases, trusted_keys),
            gzip=submission.compress,
            core=submission.provenance.get(PROVENANCE_CORE),
            signatures=submission.signatures,
            stated=submitted_statement(image, submission),
        )

    @property
    def wanted_stamp(self) -> Stamp | None:
        """What the image's stamp must say."""
        if self.product is None or self.version is None:
            return None
        return Stamp(product=self.product, version=str(self.version))

    def earlier(self) -> tuple[tuple[Release, ReleaseImage], ...]:
        """Returns the board's images so far, the last published first."""
        images = [
            (release, image)
            for release in self.releases or ()
            for image in release.images
            if image.board == self.board and image.kind == self.kind
        ]
        return tuple(
            sorted(
                images,
                key=lambda entry: entry[1].order,
                reverse=True,
            )
        )

    def before(self) -> tuple[tuple[Release, ReleaseImage], ...]:
        """Returns the board's images that were published before this one, the last first.

        An image that is published again is compared with the same ones as the first time.
        """
        images = self.earlier()
        for at, (release, _) in enumerate(images):
            if release.version == self.version:
                return images[at + 1 :]
        return images


#: Facts that a publish often lacks; what they are called in results.
PARTITION_TABLE = "the partition table"
FLASH_SIZE = "the size of the board's flash"
FLASH_LAYOUT = "the layout of the board's flash"
BOARD_CHIP = "the board's chip, or an earlier release for the board"
WORKING_TREE = "whether the working tree has changes"
BUILD_TYPE = "the type of the build"
EARLIER_LAYOUT = "an earlier release with a partition layout"
EARLIER_FLASH_MODE = "an earlier release with a flash mode"

Judgement = Iterable["Finding | Lacks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A pre-flight check.

    Attributes:
        name: Its name in findings, options and manifests.
        severity: The worst that it can find.
        explanation: What it checks, why, and what it needs to know; whole sentences. The first
            one is shown alone in lists.
        judge: The check itself, a pure function.
        kinds: The kinds of image that it applies to.
        decisive: After an error of this check no other check makes sense.
        protected: It cannot be switched off, by either side.
    """

    name: str
    severity: Severity
    explanation: str
    judge: Callable[[Facts], Judgement]
    kinds: tuple[ImageKind, ...] = IMAGE_KINDS
    decisive: bool = False
    protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one check: findings, or why it was not run.

    Attributes:
        check: The check.
        findings: What it found; empty if all is well or it was not run.
        lacks: The information that it lacks; empty if it was run.
        reason: Why it was switched off; empty if it was not.
    """

    check: Check
    findings: tuple[Finding, ...] = ()
    lacks: str = ""
    reason: str = ""

    @property
    def outcome(self) -> str:
        """The result in a word or two: the worst that it found, or why it was not run."""
        severities = {finding.severity for finding in self.findings}
        for severity in Severity:
            if severity in severities:
                return severity.value
        if self.reason:
            return "skipped"
        return "not checked" if self.lacks else "ok"

    def rows(self) -> list[tuple[str, str, str]]:
        """Returns rows for a person: outcome, name, and what was found or why nothing was."""
        texts = [f"{finding.problem}. {finding.hint}" for finding in self.findings]
        if self.reason:
            texts = [self.reason]
        elif self.lacks and not texts:
            texts = [f"lacks {self.lacks}"]
        return [(self.outcome, self.check.name, text) for text in texts or [""]]
