"""The visible files: a projection of the releases, for people, plain web servers and old sketches.

Each is another name of an object. It is made again if it is missing or differs, and removed when
its image is no longer offered.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path

from acpublish import atomic
from acpublish.catalog import layout
from acpublish.errors import reason_of
from acpublish.release.manifest import ReleaseImage

_log = logging.getLogger(__name__)


def project(root: Path, product: str, image: ReleaseImage) -> bool:
    """Makes the visible file of an image, unless it is there already.

    Args:
        root: The catalog's directory.
        product: The product.
        image: An image of one of its releases.

    Returns:
        Whether it was made; not if its bytes are missing either, which is logged.

    Raises:
        OSError: It cannot be made.
    """
    target = layout.objects(root) / image.sha256
    visible = root / product / image.file
    if not target.is_file():
        _log.error("the object of %s/%s is missing; publish it again", product, image.file)
        return False
    if _same(visible, target, image):
        return False
    with atomic.prepared_link(visible, target, layout.temporary(root)) as put_in_place:
        put_in_place()
    return True


def remove(root: Path, path: Path) -> str:
    """Removes a file that must no longer be there; returns why it cannot be removed, if so.

    Clients of a server read this, so it names the file as it is called below the catalog.

    Args:
        root: The catalog's directory.
        path: The file, in that directory.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path.relative_to(root).as_posix()} cannot be removed: {reason_of(error)}"
    with contextlib.suppress(OSError):
        atomic.flush_directory(path.parent)
    return ""


def _same(visible: Path, target: Path, image: ReleaseImage) -> bool:
    if not visible.is_file():
        return False
    if visible.samefile(target):
        return True
    return (
        visible.stat().st_size == image.size
        and hashlib.sha256(visible.read_bytes()).hexdigest() == image.sha256
    )
