"""The pages: each file answers with what `templates/pages/` has under its name."""

from litestar.types import ControllerRouterHandler

from mdsa_server.web.pages.audit import AuditPages
from mdsa_server.web.pages.chat import ChatPages
from mdsa_server.web.pages.collections import CollectionPages
from mdsa_server.web.pages.configuration import ConfigurationPages
from mdsa_server.web.pages.corrections import CorrectionPages, ReviewPages
from mdsa_server.web.pages.domains import DomainPages
from mdsa_server.web.pages.monitor import MonitorPages
from mdsa_server.web.pages.plugins import PluginPages
from mdsa_server.web.pages.sign_in import SignInPages
from mdsa_server.web.pages.tools import ToolPages
from mdsa_server.web.pages.turns import TurnPages
from mdsa_server.web.pages.welcome import reload, welcome

PAGES: tuple[ControllerRouterHandler, ...] = (
    *(welcome, reload, ChatPages, CollectionPages, CorrectionPages, ReviewPages, MonitorPages),
    *(TurnPages, DomainPages, ToolPages, PluginPages, ConfigurationPages, AuditPages, SignInPages),
)
"""What `create_app` serves; the page of the API's description is one of Litestar's own plugins."""
