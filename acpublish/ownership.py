"""To whom files and folders belong that are made in somebody else's folder, as by root.

The catalog and the state folder belong to the user who runs the server, but root creates tokens and
publishes as well. What root owns there, the server could no longer read or replace. So whatever is
made in the folder of another user or group follows that folder, as far as the system allows it:

1. its owner and group are those of the folder;
2. a folder has the permissions of the folder around it, a private one none for other users;
3. a file can be read by the group, and by others, if they can read the folder; a private file only
   by the group, and only in a folder that is closed to others.

Elsewhere, and in a folder that is shared like ``/tmp``, the user's mask decides as usual. Systems
without owners (Windows) are left alone.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

_READ = 0o044
_ENTER = 0o050


if sys.platform == "win32":

    def follow(descriptor: int, folder: Path, mode: int) -> None:
        """Does nothing: a new file inherits its permissions here."""

    def follow_made(path: Path, *, private: bool = False) -> None:
        """Does nothing: a new folder inherits its permissions here."""

    def other_owner(path: Path) -> str | None:
        """Returns None: owners are not compared here."""
        return None

    def permission_hint(path: Path, root: Path) -> str:
        """Returns what to do next."""
        return "Make it writable for this user, or use another directory."

else:
    import grp
    import pwd

    def follow(descriptor: int, folder: Path, mode: int) -> None:
        """Lets a new file follow its folder.

        Args:
            descriptor: The file, open.
            folder: The folder that it is made for.
            mode: The permissions that it was made with.
        """
        around = folder.stat()
        if not _is_foreign(around):
            return
        _give(descriptor, around)
        more = mode & _READ & around.st_mode
        if not mode & _READ and _is_closed(around):
            more = 0o040
        _permit(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) | more)

    def follow_made(path: Path, *, private: bool = False) -> None:
        """Lets a new folder follow the folder around it.

        Args:
            path: The new folder.
            private: Whether it must stay closed to other users.
        """
        around = path.parent.stat()
        if not _is_foreign(around):
            return
        # Opened without following a link, which may have taken the folder's place meanwhile.
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _give(descriptor, around)
            if not private or _is_closed(around):
                _permit(descriptor, around.st_mode & 0o2777)
        finally:
            os.close(descriptor)

    def _is_foreign(folder: os.stat_result) -> bool:
        if folder.st_mode & stat.S_ISVTX:
            return False
        return (folder.st_uid, folder.st_gid) != (os.geteuid(), os.getegid())

    def _is_closed(folder: os.stat_result) -> bool:
        """Returns whether a folder is open to its group, and to no other users."""
        return folder.st_mode & 0o057 == _ENTER

    def _give(descriptor: int, folder: os.stat_result) -> None:
        # Only root gives files away, but everybody may give them to a group of theirs. File systems
        # without owners refuse both.
        try:
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
        except OSError:
            with contextlib.suppress(OSError):
                os.fchown(descriptor, -1, folder.st_gid)

    def _permit(descriptor: int, mode: int) -> None:
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, mode)

    def other_owner(path: Path) -> str | None:
        """Returns the name of the user who owns an existing path; None if it is this user."""
        owner = path.stat().st_uid
        return _name_of(owner) if owner != os.geteuid() else None

    def permission_hint(path: Path, root: Path) -> str:
        """Returns what to do next if the system refuses access to a path.

        Args:
            path: The path, which need not exist.
            root: The catalog or the state folder that it is in.
        """
        blocked_path = _nearest(path)
        plain = f"Make it {_lacking(blocked_path)} for this user, or use another directory."
        try:
            owner, blocked = root.stat(), blocked_path.stat()
        except OSError:
            return plain
        name, group = _name_of(owner.st_uid), _group_of(owner.st_gid)
        if os.geteuid() != owner.st_uid:
            return (
                f"Make it {_lacking(blocked_path)} for this user, run this as {name}, who owns "
                f"{root}, or use another directory."
            )
        if blocked.st_uid != owner.st_uid:
            return (
                f"Part of it belongs to {_name_of(blocked.st_uid)}; give it back: "
                f"sudo chown -R {name}:{group} {root}"
            )
        return plain

    def _lacking(path: Path) -> str:
        """Returns what a path has to be made for this user: readable, or else writable."""
        mode = os.R_OK | os.X_OK if path.is_dir() else os.R_OK
        effective = os.access in os.supports_effective_ids
        return "writable" if os.access(path, mode, effective_ids=effective) else "readable"

    def _nearest(path: Path) -> Path:
        """Returns the path, or the first folder around it that can be seen."""
        for nearest in (path, *path.parents):
            with contextlib.suppress(OSError):
                nearest.lstat()
                return nearest
        return path

    def _name_of(uid: int) -> str:
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return str(uid)

    def _group_of(gid: int) -> str:
        try:
            return grp.getgrgid(gid).gr_name
        except KeyError:
            return str(gid)
