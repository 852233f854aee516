"""No command tells a secret, whatever it is given and whatever goes wrong.

Secrets are seeded wherever people keep or mislay them; then all that was printed, the server's log
and every file are searched for each in many forms.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acpublish.cli import COMMANDS
from tests.support.seeded import QUOTED, Site, seeded_site

#: Exit status, words, further variables, and standard input of a run.
Run = tuple[int, tuple[str, ...], dict[str, str], str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with seeded_site(tmp_path_factory.mktemp("seeded")) as made:
        yield made


@pytest.fixture(scope="module")
def pem(site: Site) -> str:
    return (site.work / "release.pem").read_text()


def commands(site: Site, pem: str) -> list[Run]:
    """Returns runs of all commands, with secrets where they belong and where they do not."""
    url, host = site.server.url, f"127.0.0.1:{site.server.port}"
    held, seeds = f"http://seeded:{QUOTED}@{host}", site.seeds.values
    query = f"{url}/?token={seeds['token in a query']}"
    bare = f"seeded:{seeds['password without scheme']}@{host}"
    word, wifi = seeds["wrong token"], {"WIFI": seeds["wifi password"]}
    scan = {"ACPUBLISH_SECRET_VARIABLES": "WIFI", **wifi}
    disk = ("disk.bin", "--kind", "filesystem", "--product", "lamp", "--board", "d1_mini")
    none = {"ACPUBLISH_TOKEN": ""}
    catalog = str(site.root / "catalog")
    lamps = ("--product", "lamp", "--devices", "5", "--speed", "500000", "--for", "1d")
    rows: list[Run] = [
        (0, site.publish("1.0.0", url, "-v"), {}, ""),
        (0, site.publish("1.0.1", url, "-v", "--token-file", "token.txt"), none, ""),
        (
            0,
            site.publish("1.0.2", url, "-v", "--json", "--token-file", "-"),
            none,
            seeds["token of stdin"],
        ),
        (0, site.publish("1.0.3", url, "-v", "--dry-run"), {}, ""),
        (0, site.publish("1.0.4", url, "-v", "--key", "release.pem", "--board", "signed"), {}, ""),
        (0, site.publish("1.0.5", catalog, "-v"), {}, ""),
        (0, ("publish", *disk, "--version", "1.0.6", "--to", url, "-v"), scan, ""),
        (
            7,
            ("publish", *disk, "--version", "1.0.7", "--to", url, "--secret-scan", "error"),
            scan,
            "",
        ),
        (2, site.publish("1.1.0", held, "-v"), {}, ""),
        (2, site.publish("1.1.0", query, "-v"), {}, ""),
        (2, site.publish("1.1.0", bare, "-v"), {}, ""),
        (2, site.publish("1.1.0", url, "--token", word), {}, ""),
        (2, site.publish("1.1.0", url, "--token-file", word), none, ""),
        (2, site.publish("1.1.0", url, "--key", pem), {}, ""),
        (2, site.publish("1.1.0", url), {"ACPUBLISH_SIGNING_KEY": pem}, ""),
        (2, site.publish("1.1.0", url), {**none, "ACPUBLISH_TOKEN_FILE": word}, ""),
        (2, site.publish("1.1.0", url), {"ACPUBLISH_TOKEN": f"{word} {word}"}, ""),
        (2, site.publish("1.1.0", url, "--token-file", "-"), none, f"{word} {word}"),
        (0, ("check", "firmware.bin", "--to", url, "--token-file", "token.txt"), none, ""),
        (7, ("check", *disk, "--version", "1.0.7", "--secret-scan", "error", "--json"), scan, ""),
        (2, ("check", "firmware.bin", "--to", query), {}, ""),
        (0, ("import", "old", "--to", url, "--board", "d1_mini", "--dry-run"), {}, ""),
        (0, ("import", "old", "--to", url, "--board", "d1_mini", "--yes", "--json"), {}, ""),
        (2, ("import", "old", "--to", held, "--board", "d1_mini", "--yes"), {}, ""),
        (0, ("list", url), {}, ""),
        (0, ("list", url, "--path", "lamp", "--json"), {}, ""),
        (2, ("list", held), {}, ""),
        (2, ("list", query), {}, ""),
        (2, ("list", bare), {}, ""),
        (0, ("config", "--show-origin"), {"ACPUBLISH_TO": held}, ""),
        (0, ("config", "--json"), {"ACPUBLISH_TO": query, "ACPUBLISH_SIGNING_KEY": pem}, ""),
        (0, ("config",), {**none, "ACPUBLISH_TO": bare, "ACPUBLISH_TOKEN_FILE": word}, ""),
        (1, ("doctor",), {"ACPUBLISH_TO": query}, ""),
        (1, ("doctor", "--json"), {"ACPUBLISH_TO": url, "ACPUBLISH_TOKEN_FILE": word}, ""),
        (0, ("doctor", held), {}, ""),
        (2, ("doctor", query), {}, ""),
        (0, ("diff", "lamp@1.0.0", "lamp@1.0.1", "--to", url), {}, ""),
        (2, ("diff", "lamp@1.0.0", "lamp@1.0.1", "--to", held, "--json"), {}, ""),
        (0, ("emulate", held, "--auto", "lamp/d1_mini", "--json"), {}, ""),
        (1, ("emulate", held, "no/such.bin"), {}, ""),
        (1, ("emulate", url, f"no/such.bin?token={seeds['token in a query']}"), {}, ""),
        (0, ("emulate", held, "--catalog"), {}, ""),
        (0, ("inspect", "disk.bin"), {}, ""),
        (0, ("simulate", "--devices", "20", "--json"), {}, ""),
        (8, ("backup", "fleet.backup", "--to", catalog), {}, ""),
        (8, ("restore", "firmware.bin", "--to", catalog), {}, ""),
        (
            0,
            (
                "device-credentials",
                "set",
                "lantern",
                "--user",
                "esp",
                "--password-file",
                "-",
                "--to",
                catalog,
            ),
            {},
            word,
        ),
        (0, ("device-credentials", "list", "--to", catalog, "--json"), {}, ""),
        (0, ("device-path", "list", "--to", catalog, "--json"), {}, ""),
        (0, ("simulate", "--to", held, *lamps), {}, ""),
        (2, ("simulate", "--to", query, *lamps, "--json"), {}, ""),
        (2, ("simulate", "--to", bare, *lamps), {}, ""),
        (
            0,
            ("stamp", "firmware.bin", "--product", "lamp", "--version", "1.0.0", "-o", "s.bin"),
            {},
            "",
        ),
        (0, ("sign", "firmware.bin", "--key", "rsa.pem", "-o", "signed.bin", "--json"), {}, ""),
        (2, ("sign", "firmware.bin", "--key", pem, "-o", "signed2.bin"), {}, ""),
        (2, ("sign", "firmware.bin", "--key", "token.txt", "-o", "signed2.bin"), {}, ""),
        (0, ("verify", "signed.bin", "--key", "rsa.pub"), {}, ""),
        (2, ("verify", "signed.bin", "--key", "release.pem"), {}, ""),
        (0, ("key", "show", "release.pem", "--json"), {}, ""),
        (2, ("key", "show", pem), {}, ""),
        (2, ("key", "create", "-o", "release.pem"), {}, ""),
        (2, ("key", "trust", catalog, "release.pem", "--product", "lantern"), {}, ""),
        (0, ("key", "trust", catalog, "release.pub", "--product", "lantern", "--json"), {}, ""),
        (0, ("key", "resign", catalog, "--product", "lantern", "--key", "release.pem"), {}, ""),
        (2, ("key", "resign", catalog, "--product", "lantern", "--key", pem), {}, ""),
        (0, ("init", "--yes", "--to", catalog), {}, ""),
        (0, ("init", "--undo", "--yes"), {}, ""),
        (2, ("init", "--yes", "--to", held), {}, ""),
        (2, ("init", "--yes", "--to", bare), {}, ""),
        (0, ("channels", "lamp", "--to", url), {}, ""),
        (2, ("channels", "lamp", "--to", held, "--json"), {}, ""),
        (0, ("history", "lamp", "--to", url, "--json"), {}, ""),
        (0, ("explain", "lamp", "--board", "d1_mini", "--to", url), {}, ""),
        (0, ("status", "--to", url), {}, ""),
        (0, ("policy", "show", "lamp", "stable", "--to", url), {}, ""),
        (0, ("devices", "list", "--to", catalog, "--json"), {}, ""),
        (2, ("devices", "list", "--to", held), {}, ""),
        (2, ("pin", "nobody", "1.0.0", "--to", query), {}, ""),
        (8, ("deploy", "lamp", "1.0.0", "--device", "nobody", "--to", catalog), {}, ""),
        (2, ("rollout", "abort", "lamp", "--to", bare), {}, ""),
        (3, ("rollout", "pause", "lamp", "--to", url), {}, ""),
        (0, ("promote", "lamp", "1.0.1", "--channel", "beta", "--to", url), {}, ""),
        (3, ("rollback", "lamp", "--channel", "beta", "--to", url, "--yes"), {}, ""),
        (3, ("withdraw", "lamp", "1.0.1", "--reason", "x", "--to", url, "--yes"), {}, ""),
        (3, ("delete", "lamp", "1.0.1", "--reason", "x", "--to", url, "--yes", "--json"), {}, ""),
        (3, ("retain", "lamp", "--keep", "3", "--to", url), {}, ""),
        (2, ("retain", "lamp", "--keep", "3", "--to", query), {}, ""),
        (3, ("login-link", "--to", url), {}, ""),
        (2, ("login-link", "--to", held), {}, ""),
        (2, ("login-link", "--to", query, "--json"), {}, ""),
        (0, ("webhook", "add", "http://127.0.0.1:9/told", "--to", catalog), {}, ""),
        (2, ("webhook", "add", bare, "--to", catalog, "--json"), {}, ""),
        (0, ("webhook", "list", "--to", catalog, "--json"), {}, ""),
        (0, ("webhook", "undelivered", "--to", catalog), {}, ""),
        (7, ("token", "create", "--publish", "No Name", "--catalog", catalog), {}, ""),
        (8, ("serve", "--catalog", "missing", "--port", "0", "--log", "debug"), {}, ""),
    ]
    return rows


def test_every_command(site: Site, pem: str) -> None:
    wrong = []
    rows = commands(site, pem)
    for number, (status, words, env, given) in enumerate(rows):
        said = site.acpublish(f"{number}: {words[0]}", *words, env=env, given=given)
        if said.status != status or "Traceback" in said.text:
            wrong.append((number, words[:3], status, said.status, said.text[-300:]))
    assert wrong == []
    assert {words[0] for _, words, _, _ in rows} == set(COMMANDS)
    assert site.leaks() == []
    assert site.seeds.unmet() == set()
