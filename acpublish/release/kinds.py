"""The kinds of image that a release has."""

from __future__ import annotations

from typing import Literal

__all__ = ["IMAGE_KINDS", "ImageKind"]

ImageKind = Literal["firmware", "filesystem"]
IMAGE_KINDS: tuple[ImageKind, ...] = ("firmware", "filesystem")
