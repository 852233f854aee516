"""Samples of what devices run (:mod:`acpublish.fleet.adoption_history`) as rows, and back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from acpublish.fleet.adoption_history import Sample, VersionCount
from acpublish.store.schema import version_samples


def sample_row(sample: Sample) -> dict[str, Any]:
    """Returns the row of a sample."""
    return {"at": sample.at, "counts": json.dumps(sample.counts, ensure_ascii=False)}


def load_samples(connection: Connection) -> list[Sample]:
    """Returns all samples, the oldest first."""
    rows = connection.execute(select(version_samples).order_by(version_samples.c.at))
    return [Sample(at, tuple(VersionCount(*row) for row in json.loads(text))) for at, text in rows]
