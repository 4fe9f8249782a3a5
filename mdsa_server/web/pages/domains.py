"""The page of domains: what each has, where a message would go and why, and how good that was found to be."""

from typing import Annotated, Any

from litestar import Controller, get
from litestar.params import FromQuery, QueryParameter
from litestar.response import Template
from msgspec.structs import replace

from mdsa_server.errors import MdsaError
from mdsa_server.evaluation.retrieval import MEASURE_NAMES
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.vocabulary.routing import RouteTrial
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.pages.domain_view import domain_views
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.problems import MENDS_FOR_PEOPLE, STATUS
from mdsa_server.web.reports import of_retrieval, of_routes
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.routing import last_evaluations, try_message

FEW = 4
"""So many domains are all unfolded; of more each is a line that unfolds."""


class DomainPages(Controller):
    """The page of domains, and the reports behind its figures."""

    path = "/domains"
    opt = {"scope": "monitor"}  # noqa: RUF012  # Litestar reads it so
    include_in_schema = False

    @get("/")
    async def page(
        self,
        rooms: InRooms,
        caller: ByCaller,
        message: FromQuery[str] = "",
        after: FromQuery[str] = "",
        opened: Annotated[str, QueryParameter(name="domain")] = "",
    ) -> Template:
        """Show the domains, the one that is named unfolded; with a message, where that would go."""
        trial: RouteTrial | None = None
        problem: Problem | None = None
        status = 200
        if message:
            try:
                trial = await try_message(rooms, caller, message, after or None)
            except MdsaError as error:
                problem = replace(error.problem, mend=MENDS_FOR_PEOPLE.get(error.code, error.mend))
                status = STATUS[type(error)]
        views = await domain_views(rooms)
        context = surroundings(rooms, "domains") | {
            "views": views,
            "opened": {view.domain.name for view in views if len(views) <= FEW or view.domain.name == opened},
            "message": message,
            "after": after,
            "trial": trial,
            "problem": problem,
            "status": status if problem else 0,
            "routers": rooms.live_turns.desk.team.routers,
            "to_review": await rooms.teaching.corrections.count("pending"),
            "last": await last_evaluations(rooms),
            "measures": MEASURE_NAMES,
        }
        return Template("pages/domains.html", context=context, status_code=status)

    @get(["/report", "/report/routes"])
    async def routes_report(self, rooms: InRooms) -> Template:
        """Show the whole report on routing that was kept."""
        kept = (await last_evaluations(rooms)).routes
        return _report("routes", of_routes(kept) if kept else None)

    @get("/report/retrieval")
    async def retrieval_report(self, rooms: InRooms) -> Template:
        """Show the whole report on searching that was kept."""
        kept = (await last_evaluations(rooms)).retrieval
        return _report("retrieval", of_retrieval(kept) if kept else None)


def _report(kind: str, told: dict[str, Any] | None) -> Template:
    if told is None:
        return Template("pages/no_report.html", context={"here": "domains", "kind": kind}, status_code=404)
    return Template(f"reports/{kind}.html", context=told | {"style": ""})
