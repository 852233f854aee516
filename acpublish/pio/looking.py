"""Looks, and publishes nothing: ``ota_check`` and ``ota_status``."""

from __future__ import annotations

import sys
from pathlib import Path

from acpublish.errors import CheckError
from acpublish.pio.run_state import Hook, say
from acpublish.publishing.destinations import open_catalog, running_devices
from acpublish.publishing.image_files import read_file
from acpublish.publishing.overview import release_lines, running_line
from acpublish.publishing.publish import preflight
from acpublish.release.checks.facts import Severity

__all__ = ["check", "tell_status"]


def check(hook: Hook, path: Path) -> None:
    """Makes the pre-flight checks on an image, and tells their results.

    Raises:
        AcpublishError: They could not be made, or one found an error.
    """
    plan = hook.plan()
    options = hook.project.complete(plan)
    catalog = open_catalog(options.destination)
    results = preflight(
        read_file(path),
        options,
        plan.source,
        catalog.releases(options.product),
        catalog.trusted_keys(options.product),
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


def tell_status(hook: Hook) -> None:
    """Tells what the destination has of the product, and what devices run that asked a server.

    Raises:
        AcpublishError: It cannot be found out.
    """
    destination = hook.project.settings.destination()
    product = hook.project.product
    releases = open_catalog(destination).releases(product)
    say(f"{product} in {destination.to}", sys.stdout)
    for line in release_lines(releases):
        say(line, sys.stdout)
    running = running_devices(destination, product)
    if running:
        say(running_line(running), sys.stdout)
