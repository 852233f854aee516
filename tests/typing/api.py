"""What a user writes. It is type-checked (mypy --strict) and never run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import acpublish
from acpublish import (
    AcpublishError,
    Change,
    Changed,
    ChannelRow,
    FleetClient,
    Image,
    Outcome,
    Publication,
    Release,
    UpdateServer,
    Version,
)


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


def take_back(catalog: Path, url: str, token: str) -> str:
    old: Version = Version.parse("1.0.0")
    for to, given in ((catalog, None), (url, token)):
        acpublish.promote("lamp", "1.1.0", to=to, channel="beta", boards=["d1"], token=given)
        acpublish.withdraw("lamp", "1.1.0", to=to, reason="it overheats", by="Ada", token=given)
        changed: Changed = acpublish.rollback(
            "lamp", old, to=to, channel="stable", reason="it overheats", token=given
        )
        for place, versions in changed.ordered_back.items():
            print(place.board, place.kind, [str(version) for version in versions])
        acpublish.delete("lamp", "1.1.0", to=to, reason="it has a password", token=given)
        plan = acpublish.retain(
            "lamp", to=to, keep=5, channel="dev", older_than=timedelta(days=30), token=given
        )
        print(sum(plan.freed.values()), plan.devices, *plan.notes)
    rows: tuple[ChannelRow, ...] = acpublish.channels("lamp", to=url)
    changes: tuple[Change, ...] = acpublish.history("lamp", to=catalog)
    server = UpdateServer(url)
    same: tuple[ChannelRow, ...] = server.channels("lamp")
    releases: tuple[Release, ...] = server.releases("lamp")
    withdrawn = [release.version for release in releases if release.images[0].withdrawn]
    for version in withdrawn:
        server.download_image("lamp", version, "d1", f"{version}.bin")
    current = rows[0].current
    at: str = changes[-1].author.at
    return f"{current.version if current else None} {at} {rows == same} {withdrawn}"


version: str = acpublish.__version__


def stuck_devices(url: str, token: str) -> list[str]:
    fleet = FleetClient(url, token, ca=Path("ca.pem"))
    for device in fleet.devices(product="lamp", not_seen_s=86400, stuck=True):
        fleet.change(device["id"], add_tags=["look-at-it"])
    return [rollout["state"] for rollout in fleet.rollouts("lamp")]
