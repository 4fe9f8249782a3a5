"""The pages: each file answers with what `templates/pages/` has under its name."""

from litestar.types import ControllerRouterHandler

from mdsa_server.web.pages.chat import ChatPages
from mdsa_server.web.pages.corrections import CorrectionPages, ReviewPages
from mdsa_server.web.pages.sign_in import SignInPages
from mdsa_server.web.pages.tools import ToolPages
from mdsa_server.web.pages.welcome import reload, welcome

PAGES: tuple[ControllerRouterHandler, ...] = (
    welcome,
    reload,
    ChatPages,
    CorrectionPages,
    ReviewPages,
    ToolPages,
    SignInPages,
)
"""What `create_app` serves; the page of the API's description is one of Litestar's own plugins."""
