"""What a server publishes of a product, as far as simulated devices have to know it.

A real device has its image, and so its digests. A simulated one takes both from the manifests: what
it reports while it runs a release, and which release an image is that it has received.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from acpublish.client.update_server import UpdateServer
from acpublish.errors import NotFoundError, SettingsError
from acpublish.image.model import ReportedDigests
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.simulation.fleet_profile import Kind, Profile


class KnownImages:
    """The firmware of a product on a server.

    Attributes:
        product: The product.
    """

    def __init__(self, url: str, product: str, ca: Path | None) -> None:
        """Reads the releases of the product.

        Args:
            url: The server's URL, without credentials.
            product: The product.
            ca: The file of the only CAs to trust; None for the usual ones.

        Raises:
            NotFoundError: The server does not have the product.
            AcpublishError: The server cannot be reached, or is not ours.
        """
        self.product = product
        self._server = UpdateServer(url, ca=ca)
        self._releases: tuple[Release, ...] = ()
        self._of_board: dict[tuple[str, str], ReleaseImage] = {}
        self._versions: dict[str, str] = {}
        self.refresh()
        if not self._releases:
            raise NotFoundError(
                f"the server has no releases of {product}",
                hint=f"See what it has: acpublish list --to {url}.",
            )

    def refresh(self) -> None:
        """Reads the releases again.

        Raises:
            AcpublishError: The server cannot be reached, or is not ours.
        """
        self._releases = self._server.releases(self.product)
        for release in self._releases:
            for image in _firmware(release):
                version = str(release.version)
                self._of_board[version, image.board] = image
                # The same bytes under two versions are the earlier one to devices.
                self._versions.setdefault(image.md5, version)

    def version_of(self, md5: str) -> str | None:
        """Returns the release that has an image, None if none has it."""
        return self._versions.get(md5)

    def digests(self, version: str, board: str) -> ReportedDigests:
        """Returns the digests that a device with a release reports; none if it is not known."""
        image = self._of_board.get((version, board))
        return ReportedDigests() if image is None else image.running

    def settled(self, channel: str, boards: Iterable[str] = ()) -> dict[str, str]:
        """Returns the release that a channel points at, for each board.

        Args:
            channel: The channel.
            boards: The boards; none for all that have one.

        Raises:
            SettingsError: It points at nothing for a board.
        """
        newest: dict[str, tuple[int, str]] = {}
        for (version, board), image in self._of_board.items():
            serial = image.channels.get(channel)
            if serial is not None and image.withdrawn is None:
                newest[board] = max(newest.get(board, (0, "")), (serial, version))
        for board in list(boards) or [""] * (not newest):
            if board not in newest:
                of_board = f" for {board}" if board else ""
                raise SettingsError(
                    f"the channel {channel} has no release of {self.product}{of_board}",
                    hint=f"Use --channel, or name a release that devices start with: --from "
                    f"{self._releases[-1].version}.",
                )
        return {board: newest[board][1] for board in boards or newest}

    def start_with(self, version: str, boards: Iterable[str] = ()) -> dict[str, str]:
        """Returns a release for each board.

        Args:
            version: The release.
            boards: The boards; none for all that it has.

        Raises:
            SettingsError: There is no such release, or it lacks a board.
        """
        has = {board for known, board in self._of_board if known == version}
        missing = sorted(set(boards) - has) or [""] * (not has)
        for board in missing:
            of_board = f" for {board}" if board else ""
            raise SettingsError(
                f"there is no release {version[:40]!a} of {self.product}{of_board}",
                hint="Use one of " + ", ".join(str(known.version) for known in self._releases[-5:]),
            )
        return dict.fromkeys(boards or sorted(has), version)

    def fitted(self, profile: Profile, starts: Mapping[str, str]) -> Profile:
        """Returns a profile with boards and releases that the server has.

        A kind whose board is not among them is shared out among those of its family, or among all.

        Args:
            profile: The profile.
            starts: The release that devices start with, for each board.
        """
        images = {board: self._of_board[version, board] for board, version in starts.items()}
        kinds: list[Kind] = []
        for kind in profile.kinds:
            boards = [kind.board] if kind.board in images else []
            boards = boards or [at for at in images if images[at].family == kind.family]
            boards = boards or list(images)
            kinds += [
                _on_board(kind, images[board], starts[board], len(boards)) for board in boards
            ]
        return replace(profile, kinds=tuple(kinds))


def _firmware(release: Release) -> Iterable[ReleaseImage]:
    return (image for image in release.images if image.kind == "firmware")


def _on_board(kind: Kind, image: ReleaseImage, version: str, boards: int) -> Kind:
    chip = image.chip or image.family or kind.chip
    digests = kind.digests
    if chip == "esp8266" and digests in ("sha256", "both"):
        # Its updater reports no SHA-256.
        digests = "md5"
    return replace(
        kind,
        board=image.board,
        chip=chip,
        runs=version,
        digests=digests,
        share=kind.share / boards,
    )
