"""What publishing the files of a browser would come to: the same checks, before anything happens.

Each file is judged as if those before it were published already, because two images cannot have the
same place. All of this takes time in proportion to the images, so it is done in a thread, and again
only if what was typed or the product has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import is_
from typing import TypeVar

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.rehearsal import Rehearsal
from acpublish.errors import AcpublishError, CheckError, ConflictError
from acpublish.image.reader import read
from acpublish.keys import PublicKey
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.changes import need_texts
from acpublish.release.checks.facts import Facts, Finding, Result, Severity
from acpublish.release.checks.registry import examine, findings_of, not_run, run
from acpublish.release.coordinates import Coordinates
from acpublish.release.identifying import (
    identified,
    stamped_product,
    stamped_version,
    unpacked,
)
from acpublish.release.manifest import Release
from acpublish.release.requires import Requirement
from acpublish.release.submission import Receipt, Submission
from acpublish.release.text import text_fault
from acpublish.release.version import Version
from acpublish.server.api.bodies import read_sent
from acpublish.server.api.routes import Shown, shown
from acpublish.server.pages.upload_obstacles import is_hopeless, need_reason, skippable
from acpublish.server.pages.waiting_files import Batch, WaitingFile, WaitingFiles

_T = TypeVar("_T")
#: Raises why whoever asks may not publish a product to a channel.
Allowed = Callable[[str, str | None], object]
#: What has to be known of each file.
TYPED = ("product", "version", "board")
#: Where a value comes from.
STAMP, NAME = "stamp", "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What publishing a file would come to.

    Attributes:
        missing: The fields in which nothing was typed that need something.
        faults: By field, what is wrong with what was typed.
        findings: What the checks found, errors first.
        not_checked: The checks that were not run, each with what it lacks.
        refusal: Why it would be refused otherwise; None if it would not.
        submission: What it would be published as; None as long as something is missing.
        receipt: What the catalog would say; None if it would refuse it.
        newest: The newest version of the product for the board, if there is one.
        keys: The keys of which one has to sign; none if any release is accepted.
        skippable: The checks for which a reason to skip them can be typed.
        is_hopeless: Whether nothing that can be typed would let it be published.
    """

    missing: Sequence[str] = ()
    faults: Mapping[str, AcpublishError] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    not_checked: Mapping[str, str] = field(default_factory=dict)
    refusal: Shown | None = None
    submission: Submission | None = None
    receipt: Receipt | None = None
    newest: Version | None = None
    keys: Sequence[str] = ()
    skippable: Sequence[str] = ()
    is_hopeless: bool = False

    @property
    def needs_signature(self) -> bool:
        """Whether only a command on the machine with the private key can publish it."""
        refused = {finding.check for finding in self.findings} & {"signature", "unsigned"}
        return self.receipt is None and bool(self.keys or refused)

    @property
    def state(self) -> str:
        """``ready``, ``refused``, or ``open`` as long as something has to be filled in."""
        errors = any(finding.severity is Severity.ERROR for finding in self.findings)
        if errors or self.refusal is not None:
            return "refused"
        return "ready" if self.receipt is not None else "open"

    @property
    def next_version(self) -> str:
        """A version that could come next."""
        newest = self.newest
        if newest is None:
            return "1.0.0"
        patch = newest.patch if newest.prerelease else newest.patch + 1
        return f"{newest.major}.{newest.minor}.{patch}"


def received(
    name: str, data: bytes | bytearray, waiting: WaitingFiles, catalog: DirectoryCatalog
) -> WaitingFile:
    """Looks at a file that has arrived, and keeps it; called in a thread.

    Args:
        name: Its name.
        data: Its bytes.
        waiting: Keeps it.
        catalog: Knows the boards of a product.

    Raises:
        RequestError: It cannot be kept.
    """
    data = bytes(data)
    plain = unpacked(data)
    image = read(plain)
    found = identified(image, name)
    file = WaitingFile(
        name=name,
        size=len(plain),
        image=image,
        unpacked=plain is not data,
        found=found,
        product=found.product or "",
        version=str(found.version or ""),
        board=names.board_from(found.board) if found.board else "",
        file=waiting.store(plain),
    )
    if file.product and not file.board:
        boards = boards_of(catalog, file.product, image.chip)
        file.board = boards[0] if len(boards) == 1 else ""
    return file


def boards_of(catalog: DirectoryCatalog, product: str, chip: str | None) -> list[str]:
    """Returns the boards of a product that an image may be for, by its chip."""
    releases = catalog.releases(product)
    return sorted(
        {
            image.board
            for release in releases
            for image in release.images
            if chip is None or image.chip in (None, chip)
        }
    )


def source_of(file: WaitingFile, what: str) -> str:
    """Returns where a value comes from that nobody has typed; empty if somebody has, or must."""
    value = getattr(file, what)
    if not value:
        return ""
    stamp = stamped_product(file.image) if what == "product" else stamped_version(file.image)
    if what != "board" and stamp is not None and str(stamp) == value:
        return STAMP
    found = getattr(file.found, what)
    if found is not None and value in (str(found), names.board_from(str(found))):
        return NAME
    return ""


class Previewer:
    """Looks at the files of a session."""

    def __init__(self, batch: Batch, catalog: DirectoryCatalog, by: str, allowed: Allowed) -> None:
        """Prepares to look.

        Args:
            batch: The files, and what was typed.
            catalog: Where they would be published.
            by: Who would publish them.
            allowed: Raises why they may not.
        """
        self._batch = batch
        self._catalog = catalog
        self._by = by
        self._allowed = allowed
        self._rehearsals: dict[str, Rehearsal] = {}
        self._places: dict[tuple[str, Version, str, str], WaitingFile] = {}

    def refresh(self) -> None:
        """Makes the previews of all files that wait, if anything has changed; in a thread."""
        batch = self._batch
        typed = (
            *(
                (file.id, file.product, file.version, file.board, tuple(file.skips.items()))
                for file in batch.waiting
            ),
            (batch.channel, batch.requires, batch.why, self._by),
        )
        products = {file.product for file in batch.waiting if names.is_name(file.product)}
        snapshots = [self._catalog.snapshots.product(product) for product in sorted(products)]
        # A snapshot is another object once its product has changed.
        same = len(snapshots) == len(batch.snapshots) and all(map(is_, snapshots, batch.snapshots))
        if not same or typed != batch.typed:
            batch.faults = _faults(
                (
                    ("channel", batch.channel, names.channel),
                    ("requires", batch.requires, Requirement.checked),
                    ("why", batch.why, partial(need_texts, "")),
                )
            )
            for file in batch.waiting:
                file.preview = self._preview(file)
            batch.typed, batch.snapshots = typed, snapshots

    def _preview(self, file: WaitingFile) -> Preview:
        missing = [what for what in TYPED if not getattr(file, what)]
        faults = _faults(
            (
                ("product", file.product, names.product),
                ("version", file.version, Version.parse),
                ("board", file.board, names.board),
                *((name, why, partial(need_reason, name)) for name, why in file.skips.items()),
            )
        )
        unknown = (*missing, *faults, *self._batch.faults)
        coordinates = self._coordinates(file, unknown)
        product = coordinates.product
        releases = self._catalog.releases(product) if product else ()
        newest = _newest(releases, coordinates)
        preview = Preview(missing=missing, faults=faults, newest=newest)
        try:
            if product:
                self._allowed(product, coordinates.channel)
            keys = self._catalog.trusted_keys(product) if product else None
            preview = replace(preview, keys=[key.id for key in keys or ()])
            if unknown:
                return _with(preview, file, self._so_far(file, coordinates, releases, keys))
            submission = read_sent(partial(self._submission, file, coordinates))
            return self._complete(file, preview, submission, releases, keys)
        except AcpublishError as error:
            return replace(preview, refusal=shown(error))

    def _complete(
        self,
        file: WaitingFile,
        preview: Preview,
        submission: Submission,
        releases: Sequence[Release],
        keys: Sequence[PublicKey] | None,
    ) -> Preview:
        final = _judged(file, submission)
        results = examine(
            final.image,
            submission,
            releases,
            keys,
            final.secrets,
            update_paths=final.update_paths,
        )
        preview = replace(_with(preview, file, results), submission=submission)
        if preview.state == "refused":
            return preview
        self._need_own_place(file, submission)
        rehearsal = self._rehearsal(submission.product)
        try:
            return replace(preview, receipt=rehearsal.put(final, submission))
        except CheckError as error:
            # Another file of the batch is the reason, such as one with a higher version.
            return replace(preview, refusal=shown(error))

    def _so_far(
        self,
        file: WaitingFile,
        coordinates: Coordinates,
        releases: Sequence[Release],
        keys: Sequence[PublicKey] | None,
    ) -> tuple[Result, ...]:
        """Runs the checks with as much as is known."""
        candidate = _judged(file, None)
        return run(
            Facts(
                **replace(coordinates, version=None).as_arguments(),
                image=candidate.image,
                releases=None if coordinates.product is None else tuple(releases),
                secrets=candidate.secrets,
                trusted_keys=None if keys is None else tuple(keys),
                skipped=file.skips,
                update_paths=candidate.update_paths,
            )
        )

    def _rehearsal(self, product: str) -> Rehearsal:
        if product not in self._rehearsals:
            staged = frozenset(self._catalog.snapshots.product(product).channels.policies)
            self._rehearsals[product] = Rehearsal(self._catalog, staged)
        return self._rehearsals[product]

    def _need_own_place(self, file: WaitingFile, submission: Submission) -> None:
        place = (submission.product, submission.version, submission.board, submission.kind)
        other = self._places.setdefault(place, file)
        if other is not file:
            raise ConflictError(
                f"{other.name} is also the {submission.kind} of {submission.product} "
                f"{submission.version} for the board {submission.board}",
                hint="Change the board of one of them, or remove it.",
            )

    def _coordinates(self, file: WaitingFile, unknown: Collection[str]) -> Coordinates:
        def good(what: str, value: str, parse: Callable[[str], _T]) -> _T | None:
            return None if what in unknown else parse(value)

        return Coordinates(
            product=good("product", file.product, names.product),
            version=good("version", file.version, Version.parse),
            board=good("board", file.board, names.board),
            channel=good("channel", self._batch.channel, names.channel),
            kind=file.found.kind,
        )

    def _submission(self, file: WaitingFile, coordinates: Coordinates) -> Submission:
        batch = self._batch
        shown = "" if text_fault(file.name) else file.name
        return Submission(
            **coordinates.complete(),
            provenance={"uploaded_from": shown} if shown else {},
            skipped_checks=file.skips,
            requires=Requirement.checked(batch.requires) if batch.requires else None,
            by=self._by,
            why=batch.why,
        )


def _faults(
    fields: Iterable[tuple[str, str, Callable[[str], object]]],
) -> dict[str, AcpublishError]:
    """Returns what is wrong with what was typed, by field."""
    faults = {}
    for what, text, parse in fields:
        try:
            if text:
                parse(text)
        except AcpublishError as error:
            faults[what] = error
    return faults


def final_of(candidate: Candidate, submission: Submission) -> Candidate:
    """Returns the exact bytes to publish; a damaged image cannot be stamped, and a check says so.

    Raises:
        ImageError: It cannot be stamped.
    """
    return candidate if candidate.image.damaged else candidate.stamped(submission)


def _judged(file: WaitingFile, submission: Submission | None) -> Candidate:
    """Returns what is computed from the bytes of a file; once for each stamp.

    Raises:
        AcpublishError: The file is gone, or cannot be stamped.
    """
    stamp = None if submission is None else (submission.product, submission.version)
    judged = file.judged
    if judged is None or judged[0] != stamp:
        candidate = Candidate.of(file.read())
        final = candidate if submission is None else final_of(candidate, submission)
        judged = file.judged = (stamp, final.without_bytes())
    return judged[1]


def _with(preview: Preview, file: WaitingFile, results: Sequence[Result]) -> Preview:
    findings = sorted(findings_of(results), key=lambda finding: finding.severity.value)
    return replace(
        preview,
        findings=tuple(findings),
        not_checked=not_run(results),
        skippable=skippable(findings, file.skips),
        is_hopeless=is_hopeless(findings, file.image),
    )


def _newest(releases: Sequence[Release], coordinates: Coordinates) -> Version | None:
    """Returns the newest version for the board, or of the product for a new board."""
    board, kind = coordinates.board, coordinates.kind
    own = [release for release in releases if board and release.image_for(board, kind)]
    versions = [release.version for release in own or releases]
    return max(versions, key=lambda version: version.precedence, default=None)
