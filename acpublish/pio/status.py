"""The targets that only look: ``ota_check`` and ``ota_status`` publish nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from acpublish.pio.run_state import Hook, print_line
from acpublish.pio.uploading import source_of
from acpublish.publishing.destinations import open_catalog, running_devices
from acpublish.publishing.image_files import read_file
from acpublish.publishing.overview import never_updated_lines, release_lines, running_line
from acpublish.publishing.publish import preflight
from acpublish.release.checks.registry import findings_of, raise_errors


def check(hook: Hook, path: Path) -> None:
    """Runs the pre-flight checks on an image, and prints their results.

    Raises:
        AcpublishError: The checks could not run, or one of them found an error.
    """
    plan = hook.plan()
    options = hook.project.complete(plan)
    catalog = open_catalog(options.destination)
    data = read_file(path)
    results = preflight(
        data,
        options,
        source_of(hook, path, data),
        catalog.releases(options.product),
        catalog.trusted_keys(options.product),
    )
    for outcome, name, text in (row for result in results for row in result.rows()):
        print_line(f"{outcome:<12} {name:<17} {text}".rstrip(), sys.stdout)
    raise_errors(findings_of(results))


def show_status(hook: Hook) -> None:
    """Prints what is published of the product, and what devices run that contacted a server.

    Raises:
        AcpublishError: The destination cannot be read.
    """
    destination = hook.project.settings.destination()
    product = hook.project.product
    releases = open_catalog(destination).releases(product)
    print_line(f"{product} in {destination.to}", sys.stdout)
    for line in release_lines(releases):
        print_line(line, sys.stdout)
    running = running_devices(destination, product)
    if running:
        for line in (running_line(running), *never_updated_lines(running)):
            print_line(line, sys.stdout)
