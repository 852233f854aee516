"""``acpublish stamp``: write product and version into an image."""

from __future__ import annotations

from pathlib import Path

import click

from acpublish import api
from acpublish.cli.common_options import ANY_PATH
from acpublish.cli.ui import json_option, print_json


@click.command("stamp")
@click.argument("file", type=ANY_PATH)
@click.option("--product", required=True, metavar="P", help="The product, at most 31 characters.")
@click.option("--version", required=True, metavar="V", help="SemVer 2.0.0, at most 31 characters.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write. FILE is not changed unless it is the same file.",
)
@json_option
def command(file: Path, product: str, version: str, output: Path, as_json: bool) -> None:
    """Write product and version into a copy of the image FILE.

    An ESP32 image is stamped in its app descriptor, an ESP8266 image in the record that acpublish's
    extra script linked into it. Checksums are recalculated; a damaged image is refused.
    """
    image = api.stamp(file, product=product, version=version, output=output)
    if as_json:
        print_json(
            {
                "file": str(output),
                "product": product,
                "version": version,
                "size": image.size,
                "md5": image.md5,
                "sha256": image.sha256,
            }
        )
        return
    click.echo(f"{output}: {product} {version}, {image.size} bytes, sha256 {image.sha256}")
