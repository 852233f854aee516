"""What is published, what devices run and who asks, as JSON: the reading half of ``/api/v1``."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import NotFoundError
from acpublish.release import names
from acpublish.release.manifest import Release
from acpublish.server.answer import json_body
from acpublish.server.api.authority import Authority
from acpublish.server.cache import AnswerCache
from acpublish.server.checkins import MAX_ROWS, Counts, adoptions
from acpublish.server.proxy_header import Proxies


class ReadRoutes:
    """Responds with documents."""

    def __init__(
        self,
        catalog: DirectoryCatalog,
        authority: Authority,
        counts: Counts,
        answers: AnswerCache,
        proxies: Proxies,
    ) -> None:
        """Prepares the routes.

        Args:
            catalog: Where releases are.
            authority: Who may read what is not for everyone.
            counts: What devices run.
            answers: Keeps the documents.
            proxies: Who has to begin connections with a PROXY header.
        """
        self._catalog = catalog
        self._authority = authority
        self._counts = counts
        self._answers = answers
        self._proxies = proxies

    async def products(self, request: Request) -> Response:
        """Lists the products."""
        body = await self._answers.get(
            "products", None, lambda: json_body({"products": self._catalog.products()})
        )
        return _json(body)

    async def releases(self, request: Request) -> Response:
        """Lists the releases of a product as their manifests, the lowest version first.

        Raises:
            NotFoundError: There is no such product.
        """
        product = request.path_params["product"]
        releases = self._catalog.releases(product)
        if not releases:
            raise NotFoundError("there is no such product", hint="See /api/v1/products.")
        body = await self._answers.get(
            ("releases", product), releases, lambda: _releases(product, releases), lasting=True
        )
        return _json(body)

    async def devices(self, request: Request) -> Response:
        """Counts the devices of a product by board and version.

        Raises:
            AuthenticationError: It is not for everyone, and there is no valid token.
            ForbiddenError: The token does not allow it.
            BadNameError: The product's name is not valid.
        """
        self._authority.need_reader(request)
        product = names.product(request.path_params["product"])
        releases = self._catalog.releases(product)
        since = self._counts.since.isoformat().replace("+00:00", "Z")

        def document() -> bytes:
            rows = adoptions(self._counts.running(product), releases)
            return json_body(
                {
                    "product": product,
                    "since": since,
                    "devices": [row.to_dict() for row in rows[:MAX_ROWS]],
                    "omitted": sum(row.count for row in rows[MAX_ROWS:]),
                }
            )

        # One key for all names that have no releases, because strangers can think of many.
        key = ("devices", product if releases else "")
        return _json(await self._answers.get(key, (product, releases), document))

    async def keys(self, request: Request) -> Response:
        """Lists the keys that a product trusts.

        Raises:
            BadNameError: The product's name is not valid.
        """
        product = names.product(request.path_params["product"])
        # In few threads, because strangers can send any number of these requests.
        keys = await self._answers.run(lambda: self._catalog.trusted_keys(product))
        return JSONResponse(
            {"product": product, "keys": [{"key": key.id, "public": key.pem} for key in keys]}
        )

    async def client(self, request: Request) -> Response:
        """Returns the address and the port of the client, so that it can see a proxy in between."""
        client = request.client
        address, port = (client.host, client.port) if client else (None, None)
        document = {"address": address, "port": port, "proxy": self._proxies.has(address)}
        return JSONResponse(document, headers={"cache-control": "no-store"})


def _releases(product: str, releases: Iterable[Release]) -> bytes:
    ordered = sorted(releases, key=lambda release: release.version.precedence)
    # One release at a time, because other threads wait while one call writes JSON.
    manifests = b",".join(json_body(release.to_dict()) for release in ordered)
    return b'{"product":%s,"releases":[%s]}' % (json_body(product), manifests)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
