"""What a user writes. It is type-checked (mypy --strict) and never run."""

from __future__ import annotations

from pathlib import Path

import acpublish
from acpublish import AcpublishError, Image, Outcome, Publication, UpdateServer, Version


def newest_build(path: Path, catalog: str) -> str:
    image: Image = acpublish.read_image(path)
    if image.damaged or image.chip is None:
        return f"{image.kind.value}: {', '.join(image.problems)}"
    stamped: Image = acpublish.stamp(
        path, product="lamp", version="1.0.0", output=path.with_suffix(".stamped.bin")
    )
    try:
        done: Publication = acpublish.publish(
            str(path),
            to=catalog,
            product="lamp",
            version="git",
            board="d1",
            chip=stamped.chip,
            core="3.1.2",
            compress=True,
            signing_key=path.with_name("key.pem"),
            accept_secrets="0123456789ab",
        )
    except AcpublishError as fault:
        return f"{fault.problem}: {fault.hint}"
    size: int = done.receipt.size
    if done.outcome is Outcome.ALREADY_PUBLISHED:
        newest: Version = done.version
        return f"{newest} on {done.channel}: {done.file}, {', '.join(done.warnings)}"
    return f"{done.submission.version} {done.receipt.outcome.value} {size} {done.url}"


def first_image(url: str, folder: Path) -> Path | None:
    keys: list[Path | str] = [folder / "lamp.pub", (folder / "new.pub").read_text()]
    server = UpdateServer(url, trusted_keys=keys)
    for entry in server.catalog("."):
        if entry.type == "bin":
            target = folder / entry.name
            server.download(entry, target, progress=lambda done, total: print(done, total))
            return target
    return None


version: str = acpublish.__version__
