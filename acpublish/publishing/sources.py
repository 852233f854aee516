"""Where a version comes from: a literal, the work tree's tags, or a file.

What is asked of the disk and of git is asked once, before the build; the version of a changed work
tree also needs the digest of what was built, so it is told afterwards.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from acpublish.errors import VersionError
from acpublish.publishing.version_files import version_from_file
from acpublish.publishing.worktree import GitState, git_state
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.release.names import ChannelName
from acpublish.release.version import Version, from_git, next_development

__all__ = ["VersionSource", "resolve"]

#: More development builds of one version than anybody publishes.
_MANY_BUILDS = 9999
#: Digits of the unstamped digest that tell one changed work tree from another.
_DIGEST_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSource:
    """A version that is known but for what only the built image can tell.

    Attributes:
        base: The literal, the file's, or the nearest tag's version.
        git: Where the work tree stands, when the version comes from git.
        file: The source, when it names a file.
    """

    base: Version
    git: GitState | None = None
    file: str = ""

    @property
    def found_in(self) -> str:
        """What the version was found in, in a few words; empty for a literal."""
        if self.git is None:
            return self.file
        after = f"tag {self.git.name}" if self.git.tagged else "no tag"
        if self.git.distance:
            commits = "1 commit" if self.git.distance == 1 else f"{self.git.distance} commits"
            after = f"{commits} after {after}" if self.git.tagged else f"{commits} and no tag"
        return f"git: {after}{', and changes' if self.git.changed else ''}"

    @property
    def development(self) -> bool:
        """Whether git says that this is no tagged state."""
        return self.git is not None and bool(self.git.distance or self.git.changed)

    @property
    def channel(self) -> ChannelName:
        """The channel that fits the version when none is named."""
        return names.DEVELOPMENT if self.development else names.STABLE

    def declared(self, known: Declared) -> Declared:
        """Returns what is known of a build, with what git says of the work tree."""
        if known.changed is not None or self.git is None:
            return known
        return replace(known, changed=self.git.changed)

    def version(self, unstamped_sha256: str) -> Version:
        """Returns the version of the image that has this unstamped digest."""
        if self.git is None:
            return self.base
        changed = unstamped_sha256[:_DIGEST_DIGITS] if self.git.changed else ""
        return from_git(self.git.tag, self.git.distance, self.git.commit, changed)

    def refuse_no_room(self) -> None:
        """Refuses a version whose development versions have no room in a stamp.

        Raises:
            VersionError: They have none, so that a changed build could not be published.
        """
        if self.git is None:
            try:
                self.base.development(_MANY_BUILDS)
            except VersionError as fault:
                raise VersionError(
                    f"the development versions of {self.base} would not fit a stamp, which holds "
                    "31 bytes, and a changed build gets one",
                    hint="Shorten its pre-release part, or do without custom_ota_on_build.",
                ) from fault

    def other_version(
        self,
        unstamped_sha256: str,
        published: Collection[Version],
        taken: Collection[Version] = (),
    ) -> Version:
        """Returns a version for an image whose own version is taken by other bytes.

        From git it is told apart by the image's digest, and by a number where the stamp has no
        room for all of that; otherwise by a number one above the newest.

        Args:
            unstamped_sha256: Of the image.
            published: All versions of the board.
            taken: Those under which this board has another image.
        """
        if self.git is None:
            return next_development(self.base, published)
        changed = unstamped_sha256[:_DIGEST_DIGITS]
        git = self.git
        for again in range(len(taken) + 1):
            version = from_git(git.tag, git.distance, git.commit, changed, again)
            if version not in taken:
                break
        return version


def resolve(source: str, project: Path) -> VersionSource:
    """Finds out the version that a source names.

    Args:
        source: A literal SemVer, ``git``, ``git:PREFIX`` of the tags, or ``file:PATH``.
        project: The project's directory: of the work tree, and what PATH is relative to.

    Raises:
        VersionError: There is none, or it does not fit a stamp.
    """
    if source == "git" or source.startswith("git:"):
        state = git_state(project, source.removeprefix("git").removeprefix(":"))
        if state.shallow and not state.tagged:
            raise VersionError(
                "the clone is shallow and has no tag of a version, so that git does not know it",
                hint="Fetch all of it with git fetch --unshallow --tags (in a checkout action: "
                "fetch-depth: 0), or give a literal version.",
            )
        found = VersionSource(base=state.tag, git=state)
        # What does not fit a stamp is refused before the build, not after it.
        found.version("0" * 64)
    elif source.startswith("file:"):
        base = version_from_file(project, source.removeprefix("file:"))
        found = VersionSource(base=base, file=source)
    else:
        found = VersionSource(base=Version.parse(source))
    return found
