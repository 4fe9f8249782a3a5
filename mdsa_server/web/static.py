"""Styles, scripts and icons, served from the folder `static/`."""

from pathlib import Path

from litestar.datastructures import CacheControlHeader
from litestar.router import Router
from litestar.static_files import create_static_files_router


def static_files(folder: Path) -> Router:
    """Serve a folder at /static. Browsers ask each time whether a file changed, and are mostly told it did not."""
    return create_static_files_router(
        path="/static",
        directories=[folder],
        opt={"scope": "public"},
        cache_control=CacheControlHeader(no_cache=True),
        include_in_schema=False,
    )
