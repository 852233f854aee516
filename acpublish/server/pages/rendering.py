"""Templates become HTML here: everything in them is escaped, and control characters are shown.

Devices and strangers choose names and versions, so no template can switch that off: there is no
``|safe`` in any of them, and only :class:`markupsafe.Markup` that code of this package made passes.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from acpublish.fleet.policy import halt_in_words
from acpublish.release.durations import as_written, duration
from acpublish.server.pages.asset_files import AssetFiles
from acpublish.server.pages.page_texts import printable, shared_texts

FOLDER = Path(__file__).parent / "templates"
_KIB = 1024
#: A smaller share of 1 is shown as one that is less than this.
_LEAST_SHARE = 0.001
#: The units of durations, each with its seconds.
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_MINUTE_S = 60
#: A narrow space at which no line breaks.
_SPACE = "\u202f"
#: What begins with the name of a product before its version, or with that of a file or an id.
_NAME_FIRST = re.compile(r"\S+ v?[0-9]+\.[0-9]|\w+[^\w\s'’,:]+\w")
#: The options of commands that hints name, and the fields of pages for the same.
_SKIPS = re.compile(r"add --skip-check ([\w-]+)=REASON \(in PlatformIO: custom_ota_skip_checks\)")
_VALUES = re.compile(r"--(stages|soak|halt|window|on-halt) ([^\s,;]*(?:,[^\s,;]+)*[^\s,;.])")
_SWITCH = "--at-once"
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
        self.texts = shared_texts()
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
            sentence=sentence,
            by_fields=by_fields,
            halt=halt_in_words,
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


def sentence(text: str) -> str:
    """Returns the line of an error, which begins with a small letter, as a sentence."""
    # A text of the pages is HTML already, and stays that. So does a name that comes first.
    if _NAME_FIRST.match(text):
        return text + ("" if text[-1:] in ".?" else ".")
    return text[:1].upper() + text[1:] + ("" if text[-1:] in ".?" else ".")


def by_fields(text: str) -> str:
    """Returns the line or the hint of an error with the fields of pages in place of options."""
    # A text of the pages, and commands in it, say what they mean.
    if isinstance(text, Markup) or "--" not in text:
        return text
    t = shared_texts()

    def skipped(match: re.Match[str]) -> str:
        return t("base.say_why", field=t("upload.skip", check=match[1])).unescape()

    def valued(match: re.Match[str]) -> str:
        field = t(f"settings_policies.{match[1].replace('-', '_')}")
        return t("base.in_field", value=match[2], field=field).unescape()

    text = _VALUES.sub(valued, _SKIPS.sub(skipped, text))
    return text.replace(_SWITCH, f"“{t('settings_policies.at_once')}”")


def when(at: float | str | datetime | None) -> Markup:
    """Returns a time as an element; a script shows it in the reader's zone.

    Args:
        at: Seconds since 1970, a text of ISO 8601, or a time; None for never.
    """
    moment = _moment(at)
    if moment is None:
        return Markup("–")
    text = shared_texts()("times.utc", time=moment.strftime("%Y-%m-%d %H:%M"))
    return Markup('<time datetime="{}">{}</time>').format(_iso(moment), text)


def ago(at: float | str | datetime | None) -> Markup:
    """Returns how long ago a time is, as an element that a script keeps up to date."""
    moment = _moment(at)
    if moment is None:
        return Markup("–")
    text = _ago(time.time() - moment.timestamp())
    title = shared_texts()("times.utc", time=moment.strftime("%Y-%m-%d %H:%M:%S"))
    return Markup('<time datetime="{}" data-ago title="{}">{}</time>').format(
        _iso(moment), title, text
    )


def lasting(seconds: float) -> Markup:
    """Returns a duration in its two largest units, such as 2 h 5 min."""
    parts, rest = [], int(seconds)
    for unit, unit_s in _UNITS:
        count, rest = divmod(rest, unit_s)
        if count:
            parts.append(_counted(count, unit))
        if parts and (len(parts) == 2 or not count):
            break
    return Markup(" ").join(parts or [_counted(0, "s")])


def _counted(count: int, unit: str) -> Markup:
    return shared_texts()(f"times.unit_{unit}", count=count)


def as_set(text: str) -> str:
    """Returns a duration of a policy in its largest unit: 1d for 86400s."""
    return as_written(duration(text))


def since(at: float) -> Markup:
    """Returns how long ago a time is, as a text where no element may be, such as in a chart."""
    return _ago(time.time() - at)


def _ago(seconds: float) -> Markup:
    t = shared_texts()
    if seconds < _MINUTE_S:
        return t("times.now")
    unit, unit_s = next(own for own in _UNITS if seconds >= own[1])
    return t("times.ago", duration=_counted(int(seconds // unit_s), unit))


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
