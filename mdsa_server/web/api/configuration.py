"""The configuration under /api/configuration: what is in force, and what is wrong with it."""

from litestar import Controller, get

from mdsa_server.vocabulary.findings import Findings
from mdsa_server.vocabulary.settings_in_force import SettingsInForce
from mdsa_server.web.api.operations import fails
from mdsa_server.web.rooms import InRooms


class ConfigurationController(Controller):
    """What `mdsa.toml`, the environment and the command line come to."""

    path = "/api/configuration"
    tags = ("server",)
    opt = {"scope": "admin"}  # noqa: RUF012  # Litestar reads it so

    @get("/", operation_id="ReadConfiguration", responses=fails())
    async def settings(self, rooms: InRooms) -> SettingsInForce:
        """Tell every key that is in force, in the order of the file, and where its value comes from.

        Keys, tokens, passwords and what programs are given in their environment are not told.
        """
        return rooms.configuration.settings()

    @get("/check", operation_id="CheckConfiguration", responses=fails())
    async def check(self, rooms: InRooms) -> Findings:
        """Read the configuration again, change nothing, and say what is wrong with it: what `mdsa check` tells."""
        return await rooms.configuration.check()
