"""What a run of PlatformIO is asked for, and what that means for the hook."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OTA_CHECK", "OTA_STATUS", "OURS", "UPLOADFS_OTA", "UPLOAD_OTA", "Asked"]

UPLOAD_OTA, UPLOADFS_OTA = "upload_ota", "uploadfs_ota"
OTA_CHECK, OTA_STATUS = "ota_check", "ota_status"
OURS = frozenset({UPLOAD_OTA, UPLOADFS_OTA, OTA_CHECK, OTA_STATUS})
#: With these PlatformIO gives the image no builder: it builds the filesystem's image alone.
_FILESYSTEM = frozenset({"buildfs", "uploadfs", "uploadfsota"})
#: Runs that are about another program than this source's.
_OTHER_PROGRAM = _FILESYSTEM | {"__debug", "__test"}
#: Targets that make no image; a run that asks for nothing else is left alone.
_LOOKING = frozenset({"checkprogsize", "compiledb", "envdump", "size", "sizedata"})
#: Targets that are known to make an image, besides a run without any target.
_BUILDING = frozenset({"buildprog", "upload"})
_NO_BUILD = "nobuild"


@dataclass(frozen=True, slots=True)
class Asked:
    """The targets of a run; none for a plain ``pio run``."""

    targets: frozenset[str]

    @property
    def ours(self) -> bool:
        """Whether one of the hook's own targets is among them."""
        return bool(self.targets & OURS)

    @property
    def of_other_program(self) -> bool:
        """Whether the run is about a filesystem's image, a test or a debug build."""
        return bool(self.targets & _OTHER_PROGRAM)

    @property
    def is_none_of_ours(self) -> bool:
        """Whether the hook has nothing to do with the run."""
        looks = bool(self.targets) and self.targets <= _LOOKING
        return not self.ours and (self.of_other_program or looks)

    @property
    def builds_nothing(self) -> bool:
        """Whether PlatformIO shall take the image that is there."""
        return _NO_BUILD in self.targets

    @property
    def builds_filesystem(self) -> bool:
        """Whether the hook has to see to the filesystem's image, as no target of others does."""
        others = self.targets & (_FILESYSTEM | {_NO_BUILD})
        return UPLOADFS_OTA in self.targets and not others

    @property
    def publishes(self) -> bool:
        """Whether an image is to be published because a target says so."""
        return bool(self.targets & {UPLOAD_OTA, UPLOADFS_OTA})

    @property
    def plans(self) -> bool:
        """Whether one of the targets needs to know what would be published where."""
        return bool(self.targets & (OURS - {OTA_STATUS}))

    @property
    def may_publish_on_build(self) -> bool:
        """Whether an image that the run makes is published where each build is."""
        return not (self.ours or self.of_other_program or self.builds_nothing)

    @property
    def builds(self) -> bool:
        """Whether the run is sure to make the image, or to find it made."""
        return not self.targets or bool(self.targets & _BUILDING)

    @property
    def in_conflict(self) -> tuple[str, str] | None:
        """A target of ours and one of a filesystem, for which there is no firmware in the run."""
        firmware = sorted(self.targets & {UPLOAD_OTA, OTA_CHECK})
        filesystem = sorted(self.targets & _FILESYSTEM)
        return (firmware[0], filesystem[0]) if firmware and filesystem else None
