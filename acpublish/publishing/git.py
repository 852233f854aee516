"""The state of a working tree, from git: the nearest version tag, commits since, changes.

It decides the version, and becomes a part of the provenance. The URL of the repository may reveal
too much, so it is kept only for whoever runs the catalog.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import AcpublishError, VersionError
from acpublish.release.text import cleaned
from acpublish.release.version import Version, without_v

_GIT_TIMEOUT_S = 20
#: Where PlatformIO looks for sources: untracked files there are also built into the image. The
#: sources of an Arduino sketch are in its folder itself.
_SOURCES = ("src", "include", "lib", ":(glob)*.ino", ":(glob)*.cpp", ":(glob)*.h")
_MORE = re.compile(r"[?#].*")
#: The characters with a special meaning in a pattern of git.
_SPECIAL = re.compile(r"[*?\[\\]")
_DESCRIPTION = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g(?P<commit>[0-9a-f]+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """The state of a working tree.

    Attributes:
        tag: The nearest tag's version, 0.0.0 if there is none.
        distance: Commits since that tag, or all commits.
        commit: The commit's first digits.
        changed: Whether there are uncommitted changes.
        tagged: Whether there is a tag.
        shallow: Whether the clone has only the newest commits.
        name: The nearest tag, as git spells it.
    """

    tag: Version
    distance: int
    commit: str
    changed: bool
    tagged: bool = True
    shallow: bool = False
    name: str = ""


def git_state(project: Path, prefix: str = "") -> GitState:
    """Asks git for the state of a working tree.

    Args:
        project: A folder of the working tree.
        prefix: What the tags of this product begin with, in a repository of several products.

    Raises:
        VersionError: There is no git, no repository, no commit, or the tag is not a version.
    """
    described = _git(project, "describe", "--tags", "--long", "--abbrev=7", *_tag_patterns(prefix))
    untracked = _git(project, "ls-files", "--others", "--exclude-standard", "--", *_SOURCES)
    changed = bool(
        _must(_git(project, "status", "--porcelain", "--untracked-files=no"), project)
        or _must(untracked, project)
    )
    match = _DESCRIPTION.match(described.stdout.strip()) if not described.returncode else None
    if match is None:
        commit = _must(_git(project, "rev-parse", "--short=7", "HEAD"), project)
        distance = int(_must(_git(project, "rev-list", "--count", "HEAD"), project))
        untagged = Version(major=0, minor=0, patch=0)
        shallow = _git(project, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        return GitState(
            tag=untagged,
            distance=distance,
            commit=commit,
            changed=changed,
            tagged=False,
            shallow=shallow,
        )
    return GitState(
        tag=_version_of(match["tag"], project, prefix),
        name=match["tag"],
        distance=int(match["distance"]),
        commit=match["commit"],
        changed=changed,
    )


def remote(project: Path) -> str:
    """Returns the URL of the repository's origin without credentials; empty if there is none.

    It has no ``user:password@`` and no query, because both may contain a token.

    Raises:
        VersionError: git cannot be run.
    """
    url = _git(project, "config", "--get", "remote.origin.url").stdout.strip()
    # A query or a fragment may also contain a token.
    address = _MORE.sub("", url)
    scheme, separator, rest = address.partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    # The user of git@host:path is no secret; any other may come with a password.
    user, _, host_and_path = address.rpartition("@")
    return host_and_path if ":" in user else address


def _version_of(tag: str, project: Path, prefix: str) -> Version:
    """Returns the highest version that the commit of a tag is tagged with.

    A release candidate that became the release has both tags, and git reports either.
    """
    names = _git(project, "tag", "--points-at", f"refs/tags/{tag}^{{commit}}").stdout.split()
    versions = [_parsed(name, prefix) for name in names if name != tag]
    try:
        versions.append(Version.parse(_bare(tag, prefix)))
    except VersionError as error:
        if not any(versions):
            guess = Version.guess(_bare(tag, prefix)) or "1.0.0"
            raise VersionError(
                f"the git tag {tag!r}: {error.problem}",
                hint=f"Also tag the commit with a version, such as: git tag {prefix}v{guess} {tag}",
            ) from error
    return max(filter(None, versions), key=lambda version: version.precedence)


def _parsed(tag: str, prefix: str) -> Version | None:
    if not tag.startswith(prefix):
        return None
    try:
        return Version.parse(_bare(tag, prefix))
    except VersionError:
        return None


def _bare(tag: str, prefix: str) -> str:
    return without_v(tag.removeprefix(prefix))


def _tag_patterns(prefix: str) -> tuple[str, ...]:
    plain = _SPECIAL.sub(r"\\\g<0>", prefix)
    return ("--match", f"{plain}[vV][0-9]*", "--match", f"{plain}[0-9]*")


def _must(answer: subprocess.CompletedProcess[str], project: Path) -> str:
    if answer.returncode:
        why = (answer.stderr.strip().splitlines() or ["no reason given"])[0]
        hint = "Commit at least once (git init, git add, git commit), or use a literal version."
        if "dubious ownership" in why:
            hint = "Mark the folder as safe: git config --global --add safe.directory '*'."
        raise VersionError(f"git cannot determine the state of {project}: {why}", hint=hint)
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
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VersionError(
            "the version should come from git, but git cannot be run",
            hint="Install git, or use a literal version.",
        ) from error


def state_of(folder: Path) -> GitState | None:
    """Returns the state of the working tree of a folder; None if it is not in one."""
    with contextlib.suppress(AcpublishError):
        return git_state(folder)
    return None


def of_git(git: GitState | None) -> dict[str, str]:
    """Returns the commit, the tag and whether there are changes, for the provenance."""
    if git is None:
        return {}
    tag = {"tag": git.name} if git.name and not git.distance else {}
    return {"commit": git.commit, **tag, "changed": "yes" if git.changed else "no"}


def of_tools(*names: str) -> dict[str, str]:
    """Returns the versions of installed packages, by their names, for the provenance."""
    # Loading it takes 20 ms, which only a publish has to spend.
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def private_of_git(folder: Path) -> dict[str, str]:
    """Returns the URL of the repository without credentials, for the private provenance."""
    with contextlib.suppress(AcpublishError):
        url = cleaned(remote(folder))
        return {"remote": url} if url else {}
    return {}
