"""The API's description as a page: Swagger UI, from this server's own files."""

from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from mdsa_server.web.rendering import render


class ApiDocsPage(OpenAPIRenderPlugin):
    """Shows /schema/openapi.json at /schema."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return render(request, "pages/api_docs.html", here="schema").encode()
