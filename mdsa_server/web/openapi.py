"""How the API describes itself: as OpenAPI at /schema/openapi.json, and on the page /schema."""

from litestar import Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from mdsa_server import __version__
from mdsa_server.web.auth import PUBLIC
from mdsa_server.web.pages.api_docs import ApiDocsPage

ACCESS_KEY = "access_key"


def openapi_config() -> OpenAPIConfig:
    """Describe every route from its signature and docstring."""
    shown = SecurityScheme(
        type="http",
        scheme="bearer",
        description="An access key: `mdsa keys create NAME`. None is needed on this machine while there is none.",
    )
    return OpenAPIConfig(
        title="MDSA Server",
        version=__version__,
        use_handler_docstrings=True,
        path="/schema",
        render_plugins=[ApiDocsPage(), JsonRenderPlugin()],
        openapi_router=Router("/schema", route_handlers=[], opt={"scope": PUBLIC}, include_in_schema=False),
        components=Components(security_schemes={ACCESS_KEY: shown}),
        # The empty one says that there may be none.
        security=[{}, {ACCESS_KEY: []}],
    )
