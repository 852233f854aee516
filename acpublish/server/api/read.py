"""What is published, and what devices run, as JSON: the reading half of ``/api/v1``."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import NotFoundError
from acpublish.release import names
from acpublish.server.checkins import DeviceCounts

__all__ = ["ReadRoutes"]


class ReadRoutes:
    """Responds with documents about products."""

    def __init__(self, catalog: DirectoryCatalog, counts: DeviceCounts) -> None:
        """Prepares the routes.

        Args:
            catalog: Where releases are.
            counts: What devices run.
        """
        self._catalog = catalog
        self._counts = counts

    async def products(self, request: Request) -> Response:
        """Lists the products."""
        return JSONResponse({"products": list(self._catalog.products())})

    async def releases(self, request: Request) -> Response:
        """Lists the releases of a product as their manifests, the lowest version first.

        Raises:
            NotFoundError: There is no such product.
        """
        product = request.path_params["product"]
        releases = self._catalog.releases(product)
        if not releases:
            raise NotFoundError("there is no such product", hint="See /api/v1/products.")
        ordered = sorted(releases, key=lambda release: release.version.precedence)
        return JSONResponse(
            {"product": product, "releases": [release.to_dict() for release in ordered]}
        )

    async def devices(self, request: Request) -> Response:
        """Counts the devices of a product by board and version.

        Raises:
            BadNameError: The product's name is not valid.
        """
        product = names.product(request.path_params["product"])
        adoptions = self._counts.of(product, self._catalog.releases(product))
        return JSONResponse(
            {
                "product": product,
                "since": self._counts.since.isoformat().replace("+00:00", "Z"),
                "devices": [adoption.to_dict() for adoption in adoptions],
            }
        )

    async def keys(self, request: Request) -> Response:
        """Lists the keys that a product trusts.

        Raises:
            BadNameError: The product's name is not valid.
        """
        product = names.product(request.path_params["product"])
        keys = await asyncio.to_thread(self._catalog.trusted_keys, product)
        return JSONResponse(
            {"product": product, "keys": [{"key": key.id, "public": key.pem} for key in keys]}
        )
