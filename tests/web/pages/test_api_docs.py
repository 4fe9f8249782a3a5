"""The API's description, readable without any other host."""

import re

from tests.serving import RunningServer


async def test_the_page_asks_this_server_for_all_it_needs(server: RunningServer) -> None:
    page = (await server.client.get("/schema", headers={"Accept": "text/html"})).text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert "/schema/openapi.json" in page
    assert all(address.startswith(("/", "#")) for address in addresses)
    for address in addresses:
        if address.startswith("/static/"):
            assert (await server.client.get(address)).status_code == 200, address


async def test_pages_and_their_fragments_are_not_part_of_the_api(server: RunningServer) -> None:
    description = (await server.client.get("/schema/openapi.json")).json()

    assert "/api/chat" in description["paths"]
    assert not [path for path in description["paths"] if path.startswith("/chat")]
