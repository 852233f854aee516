"""What SCons runs when nothing is to be published: ``ota_check`` and ``ota_status``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from acpublish.errors import CheckError
from acpublish.pio.actions import KEY, Hook, reported, say
from acpublish.publishing import CheckOptions, open_catalog, preflight, read_file, standing
from acpublish.release import Severity

__all__ = ["ota_check", "ota_status"]


@reported
def ota_check(target: Any, source: Any, env: Any) -> int:
    """Makes the pre-flight checks on the image, ``source[0]``; nothing is published."""
    hook: Hook = env[KEY]
    plan = hook.plan()
    catalog = open_catalog(plan.options.destination)
    product = plan.options.product
    results = preflight(
        read_file(Path(source[0].get_abspath())),
        CheckOptions.of(plan.options),
        plan.source,
        catalog.releases(product),
        catalog.trusted_keys(product),
    )
    for outcome, name, said in (row for result in results for row in result.rows()):
        say(f"{outcome:<12} {name:<17} {said}".rstrip(), sys.stdout)
    errors = [
        finding
        for result in results
        for finding in result.findings
        if finding.severity is Severity.ERROR
    ]
    if errors:
        first = errors[0]
        raise CheckError(f"{first.check}: {first.problem}", hint=first.hint)
    return 0


@reported
def ota_status(target: Any, source: Any, env: Any) -> int:
    """Tells what the destination has of the product: versions, boards and channels."""
    hook: Hook = env[KEY]
    destination = hook.project.settings.destination()
    product = hook.project.product
    releases = open_catalog(destination).releases(product)
    say(f"{product} in {destination.to}", sys.stdout)
    for line in standing(releases):
        say(line, sys.stdout)
    return 0
