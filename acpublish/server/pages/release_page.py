"""One release: its images, what the checks find in them, their bytes, and what changed in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from acpublish.bounded import BoundedDict
from acpublish.errors import AcpublishError, NotFoundError
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.checks.again import checked_again
from acpublish.release.checks.facts import Result
from acpublish.release.checks.registry import find_check
from acpublish.release.differences import Difference, Side, difference_of
from acpublish.release.manifest import CLEARED, ReleaseImage
from acpublish.release.names import IMAGE_KINDS, ImageKind
from acpublish.release.version import Version
from acpublish.server.pages.page_routes import shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.product_views import ProductView
from acpublish.server.pages.products_page import PATH
from acpublish.server.pages.release_rows import ReleaseRow
from acpublish.server.pages.visits import Visit
from acpublish.server.stored_image import stored_image
from acpublish.server.tokens import Scope

#: Results of checks, which are kept until a release of the product changes.
_MAX_CHECKED = 200
#: The versions that a browser suggests, of a thousand.
_SUGGESTED = 100
_ORDER = {"error": 0, "warning": 1, "skipped": 2, "not checked": 3, "ok": 4}
#: What a check that was not run says nothing about is not a result of all of them.
_WORST = ("error", "warning", "skipped", "ok")


def release_routes(site: PageSite) -> list[Route]:
    """Returns the routes; those of the product itself come first."""
    pages = ReleasePages(site)
    return [
        shows(PATH + "/{product}/compare", pages.compare, site, needs=Scope.READ),
        shows(PATH + "/{product}/{version}", pages.show, site),
        shows(PATH + "/{product}/{version}/checks", pages.checks, site, needs=Scope.READ),
        shows(PATH + "/{product}/{version}/image", pages.image, site, needs=Scope.READ),
    ]


class CheckedImage(NamedTuple):
    """What the checks find in an image; the error if it cannot be read."""

    image: ReleaseImage
    results: tuple[Result, ...]
    error: AcpublishError | None = None

    @property
    def worst(self) -> str:
        """The worst result, besides that some of them could not be run."""
        outcomes = {result.outcome for result in self.results}
        return next((outcome for outcome in _WORST if outcome in outcomes), "not checked")

    @property
    def not_checked(self) -> int:
        """How many checks lack what they need to know."""
        return sum(result.outcome == "not checked" for result in self.results)

    @property
    def ordered(self) -> list[Result]:
        """The results, the worst first."""
        return sorted(self.results, key=lambda result: _ORDER[result.outcome])


class ReleasePages:
    """The pages of releases."""

    def __init__(self, site: PageSite) -> None:
        """Begins without results of checks."""
        self._site = site
        self._checked: BoundedDict[tuple[str, str], tuple[object, CheckedImage]] = BoundedDict(
            _MAX_CHECKED
        )

    async def _asked(self, visit: Visit) -> tuple[ProductView, ReleaseRow]:
        """Returns the release that the address is about, with its product.

        Raises:
            AcpublishError: There is none.
        """
        product = names.product(visit.request.path_params["product"])
        version = Version.parse(visit.request.path_params["version"])
        view = await self._site.run(partial(self._site.products.product, product))
        return view, view.row(version)

    async def show(self, visit: Visit) -> Response:
        """Shows a release."""
        view, row = await self._asked(visit)
        devices = None
        if visit.may(Scope.READ):
            counted = await self._site.running(view.product)
            devices = counted.get(str(row.release.version), 0)
        return await visit.page(
            "release.html",
            view=view,
            row=row,
            before=view.before(row),
            devices=devices,
            files=view.snapshot.files,
            cleared=CLEARED,
            explained={name: _explained(name) for name in row.skipped},
        )

    async def checks(self, visit: Visit) -> Response:
        """Runs the checks once more on the images of a release, and shows what they find."""
        view, row = await self._asked(visit)
        checked = []
        for entry in row.images:
            checked.append(await self._site.run(partial(self._check, view, row, entry.image)))
        template = "release_checks.html" if visit.by_htmx else "release_checks_page.html"
        return await visit.page(template, view=view, row=row, checked=checked)

    def _check(self, view: ProductView, row: ReleaseRow, image: ReleaseImage) -> CheckedImage:
        key, stamp = (view.product, image.file), view.snapshot.releases
        kept = self._checked.get(key)
        if kept is not None and kept[0] is stamp:
            return kept[1]
        catalog = self._site.catalog
        try:
            results = checked_again(
                row.release,
                image,
                Candidate.of(catalog.read_object(image.sha256)),
                view.snapshot.releases,
                catalog.trusted_keys(view.product),
            )
        except AcpublishError as error:
            return CheckedImage(image, (), error)
        checked = CheckedImage(image, results)
        self._checked[key] = stamp, checked
        return checked

    async def image(self, visit: Visit) -> Response:
        """Sends the bytes of an image, offered or not."""
        view, row = await self._asked(visit)
        query = visit.request.query_params
        return await stored_image(
            self._site.catalog,
            view.product,
            row.release.version,
            names.board(query.get("board", "")),
            query.get("kind", "firmware"),
            self._site.run,
        )

    async def compare(self, visit: Visit) -> Response:
        """Shows what changed from one release to another."""
        product = names.product(visit.request.path_params["product"])
        view = await self._site.run(partial(self._site.products.product, product))
        query = visit.request.query_params
        newest = [str(row.release.version) for row in view.rows[:_SUGGESTED]]
        fields = {
            "a": query.get("a") or next(iter(newest[1:]), ""),
            "b": query.get("b") or next(iter(newest), ""),
            "board": query.get("board", ""),
            "kind": query.get("kind", "firmware"),
        }
        compared, error = None, None
        try:
            if fields["a"] and fields["b"]:
                compared = await self._site.run(partial(self._difference, view, **fields))
        except AcpublishError as raised:
            error = raised
        return await visit.page(
            "compare.html",
            200 if error is None else 422,
            view=view,
            fields=fields,
            suggested=newest,
            kinds=sorted({place.kind for place in (trend.place for trend in view.trends)}),
            compared=compared,
            error=error,
        )

    def _difference(
        self, view: ProductView, *, a: str, b: str, board: str, kind: str
    ) -> Difference:
        chosen: ImageKind = "filesystem" if kind == IMAGE_KINDS[1] else "firmware"
        rows = [view.row(Version.parse(text.strip())) for text in (a, b)]
        board = board or _common_board(rows, chosen)
        old, new = (self._side(view, row, board, chosen) for row in rows)
        return difference_of(old, new, chosen)

    def _side(self, view: ProductView, row: ReleaseRow, board: str, kind: ImageKind) -> Side:
        version = str(row.release.version)
        own = [entry.image for entry in row.images if entry.image.kind == kind]
        image = next((image for image in own if image.board == board), None)
        if image is None:
            boards = ", ".join(image.board for image in own)
            raise NotFoundError(
                f"{view.product} {version} has no {kind} for {board or 'any board'}",
                hint=f"It is for {boards}." if boards else "Choose another kind of image.",
            )
        return Side(
            name=version,
            data=self._site.catalog.read_object(image.sha256),
            release=row.release,
            image=image,
            releases=view.snapshot.releases,
        )


def _common_board(rows: Sequence[ReleaseRow], kind: ImageKind) -> str:
    """Returns the first board that both releases have an image for, or the first of the newer."""
    boards = [
        {entry.image.board for entry in row.images if entry.image.kind == kind} for row in rows
    ]
    return min(set.intersection(*boards) or boards[-1], default="")


def _explained(name: str) -> str:
    """Returns what a check does; a newer acpublish may have more of them."""
    try:
        return find_check(name).explanation.partition(". ")[0].rstrip(".") + "."
    except AcpublishError:
        return ""
