"""The page of the audit log: a table, narrowed by who and what, read on page by page."""

from datetime import UTC, datetime

from mdsa_server.vocabulary.audit import AuditEntry
from mdsa_server.web.rooms import Rooms
from tests.serving import RunningServer


async def entries(server: RunningServer, *operations: str, who: str = "laptop") -> None:
    rooms: Rooms = server.app.state.rooms
    for operation in operations:
        await rooms.audit.add(
            AuditEntry(
                sequence=0,
                at=datetime.now(UTC),
                key=None,
                who=who,
                address="127.0.0.1",
                operation=operation,
                parameters={"name": "<b>bold</b>"},
                status=403 if who == "unknown" else 200,
                refused=who == "unknown",
            )
        )


async def test_entries_stand_in_a_table_and_what_was_named_is_text(server: RunningServer) -> None:
    assert "Nothing was changed yet" in (await server.client.get("/audit")).text
    await entries(server, "disable plugin")
    await entries(server, "reload", who="unknown")
    page = (await server.client.get("/audit")).text
    assert page.index("reload") < page.index("disable plugin"), "the newest comes first"
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "refused" in page
    assert 'href="/audit" aria-current="page"' in page


async def test_a_form_narrows_them_and_more_are_read_on_from_the_last(server: RunningServer) -> None:
    await entries(server, *(f"operation {number}" for number in range(60)))
    await entries(server, "reload", who="tablet")
    only = (await server.client.get("/audit", params={"who": "tablet"})).text
    assert only.count('<th scope="row">') == 1
    assert "No entry is like that" in (await server.client.get("/audit", params={"what": "nothing"})).text

    first = (await server.client.get("/audit", params={"what": "operation"})).text
    assert first.count('<th scope="row">') == 50
    more = first.split('hx-get="/audit?')[1].split('"')[0].replace("&amp;", "&")
    second = (await server.client.get(f"/audit?{more}")).text
    assert second.count('<th scope="row">') == 10
    assert (await server.client.get("/audit?before=nonsense")).status_code == 400
