"""The page of the configuration: what is in force, where it comes from, and what is wrong with it."""

from typing import Annotated, Any, Literal

from litestar import Controller, Request, get, post
from litestar.params import QueryParameter
from litestar.response import Template
from msgspec.structs import replace

from mdsa_server.vocabulary.findings import Findings
from mdsa_server.vocabulary.settings_in_force import SettingTable
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.rooms import InRooms, Reloaded, Rooms

AnyRequest = Request[Any, Any, Any]

Only = Annotated[Literal["all", "set", "changed"], QueryParameter(name="only")]
"""Which keys are shown."""


class ConfigurationPages(Controller):
    """The page, and what its buttons ask for."""

    path = "/configuration"
    opt = {"scope": "admin"}  # noqa: RUF012  # Litestar reads it so
    include_in_schema = False

    @get("/", operation_id="ReadConfiguration")
    async def page(
        self, rooms: InRooms, only: Only = "all", check: Annotated[bool, QueryParameter(name="check")] = False
    ) -> Template:
        """Show every key, or only those that are set; checked at once where that is asked for, as without scripts."""
        findings = await rooms.configuration.check() if check else None
        return Template("pages/configuration.html", context=_context(rooms, only, findings=findings))

    @get("/check", operation_id="CheckConfiguration")
    async def check(self, rooms: InRooms) -> Template:
        """Say what is wrong with the configuration as it is written now."""
        return Template("fragments/findings.html", context={"findings": await rooms.configuration.check()})

    @post("/reload", operation_id="Reload", status_code=200)
    async def reload(self, rooms: InRooms, request: AnyRequest, only: Only = "all") -> Template:
        """Read the configuration again, and show what is in force then; a plain form is shown the page."""
        reloaded = await rooms.reload()
        name = "fragments/settings.html" if request.headers.get("hx-request") else "pages/configuration.html"
        return Template(name, context=_context(rooms, only, reloaded=reloaded))


def _context(
    rooms: Rooms, only: str, *, findings: Findings | None = None, reloaded: Reloaded | None = None
) -> dict[str, Any]:
    in_force = rooms.configuration.settings()
    shown = [table for table in (_left(table, only) for table in in_force.tables) if table.settings or only == "all"]
    every = [setting for table in in_force.tables for setting in table.settings]
    return surroundings(rooms, "configuration") | {
        "file": in_force.file,
        "tables": [table for table in shown if "." not in table.name],
        "plugin_tables": [table for table in shown if table.name.startswith("plugins.")],
        "domain_tables": [table for table in shown if table.name.startswith("domains.")],
        "only": only,
        "counts": {
            "all": len(every),
            "set": sum(setting.is_set for setting in every),
            "changed": sum(setting.is_changed for setting in every),
        },
        "waiting": [setting.key for setting in every if setting.waits],
        "findings": findings,
        "reloaded": reloaded,
    }


def _left(table: SettingTable, only: str) -> SettingTable:
    """Leave the keys out that are not asked for."""
    left = tuple(
        setting
        for setting in table.settings
        if only == "all" or (setting.is_set if only == "set" else setting.is_changed)
    )
    return replace(table, settings=left)
