"""Styles, scripts and icons, served from the folder `static/`."""

from pathlib import Path

from litestar.datastructures import CacheControlHeader
from litestar.exceptions import InternalServerException
from litestar.router import Router
from litestar.static_files import create_static_files_router

from mdsa_server.web.problems import no_such_page

YEAR_SECONDS = 31_536_000


def static_files(folder: Path) -> Router:
    """Serve a folder at /static. Browsers keep what they have: pages ask for a changed file by another address."""
    return create_static_files_router(
        path="/static",
        directories=[folder],
        opt={"scope": "public"},
        cache_control=CacheControlHeader(max_age=YEAR_SECONDS, immutable=True),
        include_in_schema=False,
        # Names that no file system takes: with a null byte in them, or endless.
        exception_handlers={ValueError: no_such_page, InternalServerException: no_such_page},
    )
