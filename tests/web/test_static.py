"""Static files are served, and what is none is not found."""

import httpx
import pytest


async def test_a_file_may_be_kept_for_long(client: httpx.AsyncClient) -> None:
    answer = await client.get("/static/app.css")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["nothing.css", "%00", "x" * 5000, "../pyproject.toml", "%2e%2e/pyproject.toml"])
async def test_what_is_no_file_is_not_found(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/static/{name}")).status_code == 404
