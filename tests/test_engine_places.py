"""Where the server looks for an engine, and what it says when there is none."""

from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.engine_places import StandIn, engine_places, ollama_url
from mdsa_server.errors import ConfigurationInvalid
from mdsa_server.vocabulary.domain import Domain

GENERAL = Domain(name="general", description="Anything")
CODE = Domain(name="code", description="Programs", models=("qwen3:4b",))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:9999", "http://127.0.0.1:9999"),
        ("[::]:9999", "http://127.0.0.1:9999"),
        ("[::1]", "http://[::1]:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("box.lan", "http://box.lan:11434"),
        ("http://box.lan", "http://box.lan:80"),
        ("https://box.lan", "https://box.lan:443"),
        ("https://box.lan/ollama/", "https://box.lan:443/ollama"),
        ("::1", "http://[::1]:11434"),
        ("http://[::1]:5/", "http://[::1]:5"),
        (' "box.lan:5" ', "http://box.lan:5"),
        ("''", "http://127.0.0.1:11434"),
        ("http://", "http://127.0.0.1:80"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host: str | None, url: str) -> None:
    assert ollama_url(host) == url


@pytest.mark.parametrize(
    "host",
    ["http://[::1", "host:notaport", "host:99999", "host:0", "host:-1", "unix:///run/ollama", "a b", "a..b", "a:1:2"],
)
def test_an_ollama_host_that_is_no_address_is_a_fault_of_that_variable(host: str) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        ollama_url(host)
    (fault,) = refused.value.faults
    assert (fault.place, host in fault.what, "127.0.0.1:11434" in fault.mend) == ("OLLAMA_HOST", True, True)


@given(st.text() | st.text("[]:/.@%#?1aé\0 \"'", max_size=12))
def test_any_ollama_host_is_an_address_for_a_client_or_a_fault(host: str) -> None:
    with suppress(ConfigurationInvalid):
        httpx.URL(ollama_url(host))


def test_left_to_itself_the_server_looks_for_ollama_first_and_the_stand_in_after() -> None:
    places, _ = engine_places("auto", None, [GENERAL], "auto", StandIn())
    assert [place.kind for place in places] == ["ollama", "embedded"]


@pytest.mark.parametrize(("domains", "default"), [([GENERAL, CODE], "auto"), ([GENERAL], "qwen3:4b")])
def test_the_stand_in_is_never_taken_where_a_model_is_named(domains: list[Domain], default: str) -> None:
    places, absent = engine_places("auto", None, domains, default, StandIn())
    assert [place.kind for place in places] == ["ollama"]
    assert "'qwen3:4b'" in (absent.problem or "")
    assert "ollama serve" in (absent.mend or "")


async def test_a_configured_address_is_the_only_place() -> None:
    places, absent = engine_places("http://box:1", "ignored:port", [GENERAL], "auto", StandIn())
    assert [await place.url() for place in places] == ["http://box:1"]
    assert "http://box:1" in (absent.problem or "")
