"""Update manifests: one document about one image, which several pull clients read.

- ESPHome's ``http_request`` update (``http_request_update.cpp``, ESPHome 2026.6.5): ``name``,
  ``version``, and ``ota.path`` and ``ota.md5`` of the build for the device's ``chipFamily``.
- esp32FOTA (``esp32FOTA.cpp``, commit 0063972): ``type``, ``version`` and ``url``. It parses the
  document into :data:`ESP32FOTA_DOCUMENT_BYTES`.
- Clients of one's own, such as around ESP-IDF's esp_https_ota: any of the fields.

The paths are those of the release's own file, whose bytes never change, so that the digests are
those of what the client gets next, even if a release is published in between.
"""

from __future__ import annotations

import re
from typing import Any

from acpublish.release.manifest import Release, ReleaseImage

#: ``JSON_FW_BUFF_SIZE`` of ``esp32FOTA.cpp``: the capacity of its ArduinoJson document.
ESP32FOTA_DOCUMENT_BYTES = 2048
_ESP32_CHIP = re.compile(r"esp32([a-z][0-9]+)\Z")


def update_manifest(
    release: Release, image: ReleaseImage, base_url: str | None = None, prefix: str = ""
) -> dict[str, Any]:
    """Returns the update manifest of an image, as JSON types.

    Only firmware has the fields that clients install from (``url`` and ``builds``).

    Args:
        release: The release.
        image: The image.
        base_url: The URL of the server's root without a slash at its end, if it is known under
            which name the client reaches the server.
        prefix: The secret path below which the client asks, such as ``/u/0123…``.
    """
    path = f"{prefix}/{release.product}/{image.file}"
    document: dict[str, Any] = {
        "name": release.product,
        "type": release.product,
        "version": str(release.version),
        "board": image.board,
        "kind": image.kind,
        "size": image.size,
        "md5": image.md5,
        "sha256": image.sha256,
        "path": path,
    }
    if image.kind != "firmware":
        return document
    if base_url is not None:
        document["url"] = base_url + path
    chip = chip_family(image)
    # ESPHome takes a path that contains "http" anywhere for a whole URL.
    ota = {"path": path.replace("http", "%68ttp"), "md5": image.md5}
    document["builds"] = [] if chip is None else [{"chipFamily": chip, "ota": ota}]
    return document


def chip_family(image: ReleaseImage) -> str | None:
    """Returns an image's chip as ESPHome and ESP Web Tools spell it, None if it is not known."""
    if image.family == "esp8266":
        return "ESP8266"
    if image.chip == "esp32":
        return "ESP32"
    variant = _ESP32_CHIP.match(image.chip or "")
    return f"ESP32-{variant[1].upper()}" if variant else None
