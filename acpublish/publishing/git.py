"""What git says of a work tree: the nearest version tag, commits since, changes.

What git says of where an image comes from, for the provenance.

The repository's address may tell more than is meant, so it is for whoever runs the catalog alone.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import AcpublishError, VersionError
from acpublish.release.version import Version

__all__ = ["GitState", "git_state", "of_git", "of_tools", "private_of_git", "remote", "state_of"]

_GIT_TIMEOUT_S = 20
#: Where PlatformIO looks for sources: a file there that git does not know is in the image, too.
#: Those of an Arduino sketch stand in its folder itself.
_SOURCES = ("src", "include", "lib", ":(glob)*.ino", ":(glob)*.cpp", ":(glob)*.h")
_MORE = re.compile(r"[?#].*")
#: What a pattern of git's takes for more than itself.
_SPECIAL = re.compile(r"[*?\[\\]")
_DESCRIPTION = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g(?P<commit>[0-9a-f]+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """Where a work tree stands.

    Attributes:
        tag: The nearest tag's version, 0.0.0 where there is none.
        distance: Commits since that tag, or all.
        commit: The commit's first digits.
        changed: Whether there are changes that are not committed.
        tagged: Whether there is a tag.
        shallow: Whether the clone holds only the newest commits.
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
    """Asks git where a work tree stands.

    Args:
        project: A folder of the work tree.
        prefix: What the tags of this product begin with, in a repository of several.

    Raises:
        VersionError: There is no git, no repository, no commit, or the tag is no version.
    """
    described = _git(project, "describe", "--tags", "--long", "--abbrev=7", *_tag_patterns(prefix))
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
        tag=_version_of(found["tag"], project, prefix),
        name=found["tag"],
        distance=int(found["distance"]),
        commit=found["commit"],
        changed=changed,
    )


def remote(project: Path) -> str:
    """Returns the address of the repository's origin without credentials; empty without one.

    Neither ``user:password@`` nor a query is a part of it: both may hold a token.

    Raises:
        VersionError: Git cannot be run.
    """
    found = _git(project, "config", "--get", "remote.origin.url").stdout.strip()
    # A query or a fragment may hold a token, too.
    address = _MORE.sub("", found)
    scheme, separator, rest = address.partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    # git@host:path has a name that everybody uses; another may have its password with it.
    user, _, place = address.rpartition("@")
    return place if ":" in user else address


def _version_of(tag: str, project: Path, prefix: str) -> Version:
    """Returns the highest version by which the commit of a tag is called.

    A release candidate that became the release has the tags of both, and git names either.
    """
    names = _git(project, "tag", "--points-at", f"refs/tags/{tag}^{{commit}}").stdout.split()
    versions = [_parsed(name, prefix) for name in names if name != tag]
    try:
        versions.append(Version.parse(_bare(tag, prefix)))
    except VersionError as fault:
        if not any(versions):
            raise VersionError(
                f"the git tag {tag!r}: {fault.problem}",
                hint=f"Tag the commit with a version, too. {fault.hint}",
            ) from fault
    return max(filter(None, versions), key=lambda version: version.precedence)


def _parsed(tag: str, prefix: str) -> Version | None:
    if not tag.startswith(prefix):
        return None
    try:
        return Version.parse(_bare(tag, prefix))
    except VersionError:
        return None


def _bare(tag: str, prefix: str) -> str:
    return tag.removeprefix(prefix).removeprefix("v")


def _tag_patterns(prefix: str) -> tuple[str, ...]:
    plain = _SPECIAL.sub(r"\\\g<0>", prefix)
    return ("--match", f"{plain}v[0-9]*", "--match", f"{plain}[0-9]*")


def _must(answer: subprocess.CompletedProcess[str], project: Path) -> str:
    if answer.returncode:
        why = (answer.stderr.strip().splitlines() or ["no reason given"])[0]
        hint = "Commit at least once (git init, git add, git commit), or give a literal version."
        if "dubious ownership" in why:
            hint = "Say that the folder is yours: git config --global --add safe.directory '*'."
        raise VersionError(f"git does not know the state of {project}: {why}", hint=hint)
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


def state_of(folder: Path) -> GitState | None:
    """Returns where the work tree of a folder stands; None where it is in none."""
    with contextlib.suppress(AcpublishError):
        return git_state(folder)
    return None


def of_git(git: GitState | None) -> dict[str, str]:
    """Returns commit, tag and whether there are changes."""
    if git is None:
        return {}
    tag = {"tag": git.name} if git.name and not git.distance else {}
    return {"commit": git.commit, **tag, "changed": "yes" if git.changed else "no"}


def of_tools(*names: str) -> dict[str, str]:
    """Returns the versions of installed packages, by their names."""
    # It costs 20 ms, which only a publish has to pay.
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def private_of_git(folder: Path) -> dict[str, str]:
    """Returns the address of the repository, without credentials."""
    with contextlib.suppress(AcpublishError):
        address = remote(folder)
        return {"remote": address} if address else {}
    return {}
