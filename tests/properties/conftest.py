"""The extended test ``make properties``; the suite runs the same tests in a short form."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("campaign", max_examples=10_000, deadline=None)
