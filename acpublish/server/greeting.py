"""What an operator should know when a server begins: of its folder, its tokens and its page."""

from __future__ import annotations

import logging
import shlex
import sys

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.servable import signs_of_a_project
from acpublish.errors import AcpublishError
from acpublish.server.login_links import has_signed_in
from acpublish.server.pages.page_site import PageSite
from acpublish.server.tokens import Scope, Tokens

_log = logging.getLogger("acpublish.server")

#: Enough to recognise the folder by; a line of the log stays a line.
_MAX_SIGNS = 5


def warn_of_project(catalog: DirectoryCatalog) -> None:
    """Warns of a catalog that seems to be something else."""
    signs = signs_of_a_project(str(catalog.root))
    if signs:
        _log.warning(
            "%s looks like a project or a home, because it contains %s; only images, filesystems "
            "and the texts that updates need are served. Use a separate folder for the catalog.",
            catalog.root,
            ", ".join(map(ascii, signs[:_MAX_SIGNS])),
        )


def look_at_tokens(tokens: Tokens) -> None:
    """Says once what an operator should know of the tokens."""
    try:
        lacks_manager = tokens.has(Scope.PUBLISH) and not tokens.has(Scope.MANAGE)
    except AcpublishError as error:
        # Devices are served all the same.
        _log.error("nobody can publish: %s", error)
        return
    if lacks_manager:
        _log.info(
            "no token has the scope manage, so releases are withdrawn and tokens handled only on "
            "this machine; to create one: acpublish token create --manage --state %s",
            shlex.quote(str(tokens.state)),
        )


def show_login(site: PageSite, url: str) -> None:
    """Shows who has never signed in to the page how to do that."""
    state = site.tokens.state
    if sys.stdout.isatty() and not has_signed_in(state):
        sys.stdout.write(
            f"acpublish: open this in a browser, within 10 minutes, to sign in: "
            f"{url}{site.links.new()}\n"
        )
        return
    command = f"acpublish login-link --state {shlex.quote(str(state))}"
    _log.info("the page is at %s/; to sign in there: %s", url, command)
