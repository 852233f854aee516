"""Where a version comes from: a literal, the work tree's tags, or a file.

What is asked of the disk and of git is asked once, before the build; the version of a changed work
tree also needs the digest of what was built, so it is told afterwards.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from acpublish.errors import VersionError
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.release.names import ChannelName
from acpublish.release.version import Version, from_git, next_development

__all__ = ["GitState", "VersionSource", "git_state", "resolve"]

_GIT_TIMEOUT_S = 20
#: More development builds of one version than anybody publishes.
_MANY_BUILDS = 9999
#: The version is the first line that is not empty; the rest of a larger file does not matter.
_VERSION_FILE_CHARACTERS = 4096
#: Where PlatformIO looks for sources: a file there that git does not know is in the image, too.
_SOURCES = ("src", "include", "lib")
#: Digits of the unstamped digest that tell one changed work tree from another.
_DIGEST_DIGITS = 8
_DESCRIPTION = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g(?P<commit>[0-9a-f]+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """Where a work tree stands: the nearest tag's version, commits since, commit, changes."""

    tag: Version
    distance: int
    commit: str
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSource:
    """A version that is known but for what only the built image can tell.

    Attributes:
        base: The literal, the file's, or the nearest tag's version.
        git: Where the work tree stands, when the version comes from git.
    """

    base: Version
    git: GitState | None = None

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
            published: All versions of the product.
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
        source: A literal SemVer, ``git``, or ``file:PATH``.
        project: The project's directory: of the work tree, and what PATH is relative to.

    Raises:
        VersionError: There is none, or it does not fit a stamp.
    """
    if source == "git":
        state = git_state(project)
        found = VersionSource(base=state.tag, git=state)
        # What does not fit a stamp is refused before the build, not after it.
        found.version("0" * 64)
    elif source.startswith("file:"):
        found = VersionSource(base=_from_file(project / source.removeprefix("file:")))
    else:
        found = VersionSource(base=Version.parse(source))
    return found


def _from_file(path: Path) -> Version:
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_VERSION_FILE_CHARACTERS)
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise VersionError(
            f"the version file {path} cannot be read: {why}",
            hint="Write the version into it, as its only line.",
        ) from fault
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise VersionError(f"the version file {path} is empty", hint="Write the version into it.")
    return Version.parse(lines[0])


def git_state(project: Path) -> GitState:
    """Asks git where a work tree stands.

    Raises:
        VersionError: There is no git, no repository, no commit, or the tag is no version.
    """
    described = _git(project, "describe", "--tags", "--long", "--abbrev=7", *_tag_patterns())
    unknown = _git(project, "ls-files", "--others", "--exclude-standard", "--", *_SOURCES)
    changed = bool(
        _must(_git(project, "status", "--porcelain", "--untracked-files=no"), project)
        or _must(unknown, project)
    )
    found = _DESCRIPTION.match(described.stdout.strip()) if not described.returncode else None
    if found is None:
        commit = _must(_git(project, "rev-parse", "--short=7", "HEAD"), project)
        distance = int(_must(_git(project, "rev-list", "--count", "HEAD"), project))
        untagged = Version(major=0, minor=0, patch=0)
        return GitState(tag=untagged, distance=distance, commit=commit, changed=changed)
    return GitState(
        tag=_version_of(found["tag"], project),
        distance=int(found["distance"]),
        commit=found["commit"],
        changed=changed,
    )


def _version_of(tag: str, project: Path) -> Version:
    """Returns the highest version by which the commit of a tag is called.

    A release candidate that became the release has the tags of both, and git names either.
    """
    names = _git(project, "tag", "--points-at", f"refs/tags/{tag}^{{commit}}").stdout.split()
    versions = [_parsed(name) for name in names if name != tag]
    try:
        versions.append(Version.parse(tag.removeprefix("v")))
    except VersionError as fault:
        if not any(versions):
            raise VersionError(
                f"the git tag {tag!r}: {fault.problem}",
                hint=f"Tag the commit with a version, too. {fault.hint}",
            ) from fault
    return max(filter(None, versions), key=lambda version: version.precedence)


def _parsed(tag: str) -> Version | None:
    try:
        return Version.parse(tag.removeprefix("v"))
    except VersionError:
        return None


def _tag_patterns() -> tuple[str, ...]:
    return ("--match", "v[0-9]*", "--match", "[0-9]*")


def _must(answer: subprocess.CompletedProcess[str], project: Path) -> str:
    if answer.returncode:
        why = (answer.stderr.strip().splitlines() or ["no reason given"])[0]
        raise VersionError(
            f"git does not know the state of {project}: {why}",
            hint="Commit at least once (git init, git add, git commit), or give a literal version.",
        )
    return answer.stdout.strip()


def _git(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "-C", str(project), *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise VersionError(
            "the version is to come from git, and git cannot be run",
            hint="Install git, or give a literal version.",
        ) from fault
