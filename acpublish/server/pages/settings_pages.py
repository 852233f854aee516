"""The settings: one page for each of their sections."""

from __future__ import annotations

from starlette.routing import Route

from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.settings_access import access_settings
from acpublish.server.pages.settings_policies import policy_settings
from acpublish.server.pages.settings_server import server_settings
from acpublish.server.pages.settings_sessions import session_settings
from acpublish.server.pages.settings_storage import storage_settings
from acpublish.server.pages.settings_tokens import token_settings
from acpublish.server.pages.settings_webhooks import webhook_settings


def settings_routes(site: PageSite) -> list[Route]:
    """Returns the routes of all sections."""
    return [
        *server_settings(site),
        *storage_settings(site),
        *policy_settings(site),
        *token_settings(site),
        *access_settings(site),
        *webhook_settings(site),
        *session_settings(site),
    ]
