"""Templates become HTML here: everything in them is escaped, and control characters are shown.

Devices and strangers choose names and versions, so no template can switch that off: there is no
``|safe`` in any of them, and only :class:`markupsafe.Markup` that code of this package made passes.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from acpublish.release.durations import as_written, duration
from acpublish.server.pages.asset_files import AssetFiles
from acpublish.server.pages.page_texts import PageTexts, printable

FOLDER = Path(__file__).parent / "templates"
_KIB = 1024
#: A smaller share of 1 is shown as one that is less than this.
_LEAST_SHARE = 0.001
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
#: A narrow space at which no line breaks.
_SPACE = "\u202f"
#: The digits of a digest that a page shows.
_DIGEST_DIGITS = 12


class Rendering:
    """Renders templates.

    Attributes:
        texts: The texts of the pages.
        assets: Their style sheets and scripts.
        environment: Jinja's.
    """

    def __init__(self) -> None:
        """Prepares to render; a template is compiled when it is used first."""
        self.texts = PageTexts()
        self.assets = AssetFiles()
        self.environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=printable,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.environment.globals.update(t=self.texts, asset=self.assets.url)
        self.environment.filters.update(
            size=size,
            number=number,
            when=when,
            ago=ago,
            since=since,
            lasting=lasting,
            as_set=as_set,
            percent=percent,
            digest=short_digest,
        )

    def render(self, template: str, **values: Any) -> str:
        """Returns a page, or a part of one.

        Args:
            template: The name of its file.
            values: What it shows.
        """
        return self.environment.get_template(template).render(**values)


@lru_cache(maxsize=1)
def shared_rendering() -> Rendering:
    """Returns the one of this process: nothing in it belongs to a certain server."""
    return Rendering()


def size(size_bytes: float) -> Markup:
    """Returns a size as people read it, such as 412 KiB."""
    if size_bytes < _KIB:
        return escape(f"{size_bytes:g}{_SPACE}B")
    if size_bytes < 10 * _KIB * _KIB:
        return escape(f"{number(round(size_bytes / _KIB))}{_SPACE}KiB")
    if size_bytes < 10 * _KIB**3:
        return escape(f"{size_bytes / _KIB**2:.1f}{_SPACE}MiB")
    return escape(f"{size_bytes / _KIB**3:.1f}{_SPACE}GiB")


def number(value: float) -> Markup:
    """Returns a number with its thousands apart."""
    return escape(f"{value:,}".replace(",", _SPACE))


def percent(share: float) -> Markup:
    """Returns a share of 1 in per cent."""
    if 0 < share < _LEAST_SHARE:
        # One changed byte in a megabyte is not nothing.
        return escape(f"<{_LEAST_SHARE * 100:g}{_SPACE}%")
    return escape(f"{share * 100:.{0 if share in (0, 1) else 1}f}{_SPACE}%")


def short_digest(text: str) -> str:
    """Returns the beginning of a digest."""
    return text[:_DIGEST_DIGITS]


def when(at: float | str | datetime | None) -> Markup:
    """Returns a time as an element; a script shows it in the reader's zone.

    Args:
        at: Seconds since 1970, a text of ISO 8601, or a time; None for never.
    """
    moment = _moment(at)
    if moment is None:
        return Markup("–")
    text = moment.strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(_iso(moment), text)


def ago(at: float | str | datetime | None) -> Markup:
    """Returns how long ago a time is, as an element that a script keeps up to date."""
    moment = _moment(at)
    if moment is None:
        return Markup("–")
    text = _ago(time.time() - moment.timestamp())
    title = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" data-ago title="{}">{}</time>').format(
        _iso(moment), title, text
    )


def lasting(seconds: float) -> Markup:
    """Returns a duration in its two largest units, such as 2 h 5 min."""
    parts, rest = [], int(seconds)
    for unit_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min"), (1, "s")):
        count, rest = divmod(rest, unit_s)
        if count:
            parts.append(f"{count}{_SPACE}{unit}")
        if parts and (len(parts) == 2 or not count):
            break
    return escape(" ".join(parts) or f"0{_SPACE}s")


def as_set(text: str) -> str:
    """Returns a duration of a policy in its largest unit: 1d for 86400s."""
    return as_written(duration(text))


def since(at: float) -> str:
    """Returns how long ago a time is, as a text where no element may be, such as in a chart."""
    return _ago(time.time() - at)


def _ago(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return "just now"
    for unit_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= unit_s:
            return f"{int(seconds // unit_s)} {unit} ago"
    return ""


def _moment(at: float | str | datetime | None) -> datetime | None:
    if at is None or at == "":
        return None
    if isinstance(at, str):
        at = datetime.fromisoformat(at.replace("Z", "+00:00"))
    if isinstance(at, datetime):
        return at.astimezone(timezone.utc)
    return datetime.fromtimestamp(at, timezone.utc)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
