"""What a server does in a catalog with the releases that are on their way to channels.

Each function may be called again, and from any thread. It changes nothing if that rollout has ended
meanwhile, or if another one of the same release was started: a rollout is identified by its
channel, its release and the number of the change that started it
(:class:`acpublish.release.channels.Rolling`).
"""

from __future__ import annotations

from collections.abc import Iterable

from acpublish.catalog.product_changes import ProductChanges
from acpublish.release import names
from acpublish.release.change_request import Changed
from acpublish.release.channels import Policy
from acpublish.release.rollout_changes import RolloutAction, RolloutChange, RolloutOrder
from acpublish.release.version import Version


class CatalogRollouts:
    """Starts rollouts of one catalog directory, and says what becomes of them."""

    def __init__(self, changes: ProductChanges) -> None:
        """Prepares to change a catalog.

        Args:
            changes: Makes its changes.
        """
        self._changes = changes

    def start(
        self,
        product: str,
        version: Version,
        channel: str,
        policy: Policy,
        *,
        offers_from: int | None = None,
        boards: Iterable[str] = (),
        by: str = "",
        reason: str = "",
        serial: int | None = None,
    ) -> Changed:
        """Sends a release to a channel in stages; a rollout of it that was halted starts again.

        Args:
            product: The product.
            version: The release.
            channel: The channel; it may have a policy, too, which then does not count.
            policy: The stages and thresholds, already checked.
            offers_from: The time before which nothing is offered, in seconds since 1970.
            boards: The boards; all of the release's if empty.
            by: Who starts it, shown to everyone.
            reason: Why, shown to everyone.
            serial: The number of the last change that the caller knows; None for whatever it is.

        Raises:
            NotFoundError: There is no such product or release, or it has no image for a board.
            ConflictError: It was taken back, is lower than what the channel has, or is not signed.
            AcpublishError: The catalog cannot be changed; nothing was.
        """
        return self._changes.make(
            product,
            RolloutChange(
                action="start",
                channel=names.channel(channel),
                version=version,
                boards=tuple(map(names.board, boards)),
                policy=policy,
                offers_from=offers_from,
                by=by,
                why=reason,
                serial=serial,
            ),
        )

    def settle(
        self,
        product: str,
        channel: str,
        version: Version,
        *,
        rollout: int | None = None,
        reason: str = "",
        by: str = "",
    ) -> Changed:
        """Lets a channel point at what was on its way there, because its rollout is complete.

        A halted rollout does not become complete.

        Args:
            product: The product.
            channel: The channel.
            version: The release.
            rollout: The number of the change that started it; None for whichever it is.
            reason: Why, shown to everyone.
            by: Who says so, shown to everyone.

        Raises:
            AcpublishError: The catalog cannot be changed; nothing was.
        """
        return self._become("settle", product, channel, version, rollout, reason, by)

    def halt(
        self,
        product: str,
        channel: str,
        version: Version,
        reason: str,
        *,
        rollout: int | None = None,
        by: str = "",
    ) -> Changed:
        """Notes that a rollout was halted, so that no server offers that release any more.

        Args:
            product: The product.
            channel: The channel.
            version: The release.
            reason: Why, shown to everyone.
            rollout: The number of the change that started it; None for whichever it is.
            by: Who says so, shown to everyone.

        Raises:
            AcpublishError: The catalog cannot be changed; nothing was.
        """
        return self._become("halt", product, channel, version, rollout, reason, by)

    def abort(
        self,
        product: str,
        channel: str,
        version: Version,
        reason: str,
        by: str = "",
        *,
        rollout: int | None = None,
    ) -> Changed:
        """Ends a rollout; the channel stays where it is, and no device is ordered back.

        Args:
            product: The product.
            channel: The channel.
            version: The release.
            reason: Why, shown to everyone.
            by: Who wants it, shown to everyone.
            rollout: The number of the change that started it; None for whichever it is.

        Raises:
            AcpublishError: The catalog cannot be changed; nothing was.
        """
        return self._become("abort", product, channel, version, rollout, reason, by)

    def note(
        self,
        order: RolloutOrder,
        product: str,
        channel: str,
        version: Version,
        reason: str = "",
        by: str = "",
        *,
        rollout: int | None = None,
    ) -> Changed:
        """Notes in the history that somebody has paused or resumed a rollout, or let it advance.

        Args:
            order: What was done.
            product: The product.
            channel: The channel.
            version: The release.
            reason: Why, shown to everyone.
            by: Who did it, shown to everyone.
            rollout: The number of the change that started it; None for whichever it is.

        Raises:
            AcpublishError: The catalog cannot be changed.
        """
        return self._become(order, product, channel, version, rollout, reason, by)

    def _become(
        self,
        action: RolloutAction,
        product: str,
        channel: str,
        version: Version,
        rollout: int | None,
        reason: str,
        by: str,
    ) -> Changed:
        return self._changes.make(
            product,
            RolloutChange(
                action=action,
                channel=names.channel(channel),
                version=version,
                rollout=rollout,
                why=reason,
                by=by,
            ),
        )
