"""The settings, the reference file and the published schema say the same; values that cannot be used are refused."""

import json
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from mdsa_server import bundled
from mdsa_server.configuration.schema import published_schema
from mdsa_server.setting_values import Unfit
from mdsa_server.settings import DomainSettings, EmbeddingSettings, Settings
from mdsa_server.vocabulary.loopback import is_loopback
from mdsa_server.vocabulary.model_options import OPTIONS, OptionType

REFERENCE = bundled.reference_configuration().read_text("utf-8")
TABLES = [name for name in Settings.model_fields if name not in ("plugins", "domains")]


def settings(**tables: Any) -> Settings:
    tables.setdefault("domains", {"general": {"description": "Anything"}})
    return Settings.model_validate(tables, context={"folder": Path("/srv/mdsa")})


def domain(**keys: Any) -> DomainSettings:
    return settings(domains={"general": {"description": "Anything"} | keys}).domains["general"]


def documented_domain_keys() -> str:
    """The part of the reference that lists the keys of a domain in comments, as TOML."""
    lines = REFERENCE[REFERENCE.index("#   [domains.NAME]") :].splitlines()
    return "\n".join(line[1:] for line in lines if line.startswith("#       "))


def tables_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from tables_of(field.annotation)


@pytest.mark.parametrize("table", TABLES)
def test_the_reference_file_has_every_key_with_its_default_in_the_order_of_the_settings(table: str) -> None:
    in_file = tomllib.loads(REFERENCE)[table]
    in_code = json.loads(settings_by_default(table))
    assert in_file == in_code
    assert list(in_file) == list(in_code)


def settings_by_default(table: str) -> str:
    model = Settings.model_fields[table].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model.model_construct().model_dump_json()


def test_the_reference_file_has_the_tables_of_the_settings_in_their_order() -> None:
    headings = [line[1:-1] for line in REFERENCE.splitlines() if line.startswith("[") and "." not in line]
    assert headings == TABLES
    assert "[plugins.NAME]" in REFERENCE
    assert set(tomllib.loads(REFERENCE)) == {*TABLES, "domains"}


def test_the_reference_file_lists_every_key_of_a_domain_with_its_default(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "code.jsonl").write_text('{"text": "How do I reverse a list?"}')
    documented = tomllib.loads(documented_domain_keys())
    assert list(documented) == list(DomainSettings.model_fields)
    for key, field in DomainSettings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if not field.is_required() and default is not None:
            assert json.loads(json.dumps(default)) == documented[key], key
        assert DomainSettings.model_validate({"description": "x", key: documented[key]}, context={"folder": tmp_path})


def test_every_key_of_the_reference_file_is_explained_above_it() -> None:
    lines = REFERENCE[: REFERENCE.index("\n[domains.")].splitlines()
    for above, line in pairwise(lines):
        if line and not line.startswith(("#", "[")):
            assert above.startswith("# "), line


def test_the_shipped_domains_are_three_that_show_routing_at_once() -> None:
    shipped = Settings.model_validate(tomllib.loads(REFERENCE)).domains_as_vocabulary()
    assert {domain.name for domain in shipped} >= {"general", "code", "handbook"}
    for one in shipped:
        assert 8 <= len(one.examples) <= 15
        assert one.keywords
        assert one.instructions
        assert one.models == (), "a named model would keep the embedded engine away"


def test_every_setting_has_a_sentence_that_describes_it() -> None:
    tables: list[type[BaseModel]] = [*tables_of(Settings), DomainSettings]
    for table in tables:
        assert table.__doc__
        for name, field in table.model_fields.items():
            is_table = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
            assert is_table or (field.description or "").endswith("."), name


def test_the_published_schema_is_the_one_of_the_settings() -> None:
    published = (bundled.docs() / "mdsa.schema.json").read_text("utf-8")
    assert published == published_schema(), "write it anew: mdsa schema > docs/mdsa.schema.json"


def test_the_schema_asks_for_nothing_that_toml_cannot_write() -> None:
    assert "null" not in published_schema()


def test_the_reference_file_points_editors_to_the_schema() -> None:
    hint = REFERENCE.splitlines()[0].removeprefix("#:schema ")
    assert (bundled.reference_configuration().parent / hint).is_file()


# --- values


def test_paths_start_from_the_folder_of_the_file() -> None:
    assert settings(store={"path": "data"}).data_folder == Path("/srv/mdsa/data").resolve()
    assert settings(store={"path": "/var/mdsa"}).data_folder == Path("/var/mdsa").resolve()
    directories = settings(plugin_host={"directories": ["mine"]}).plugin_host.directories
    assert directories == (Path("/srv/mdsa/mine").resolve(),)


def test_an_embedding_model_is_a_folder_where_there_is_one_and_a_name_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "my-model").mkdir()
    context = {"folder": tmp_path}
    for name, taken in (("my-model", str((tmp_path / "my-model").resolve())), ("some/model", "some/model")):
        embedding = EmbeddingSettings.model_validate({"model": name}, context=context)
        assert embedding.model == taken


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_addresses_of_this_machine_can_be_listened_on(host: str) -> None:
    assert settings(server={"host": host}).server.host == host
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_addresses_that_others_can_reach_are_known_as_such(host: str) -> None:
    assert settings(server={"host": host}).server.host == host
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["nosuch.invalid", "", "a..b", "a" * 64, "\0"])
def test_names_without_an_address_are_told_so(host: str) -> None:
    with pytest.raises(ValidationError, match="cannot be resolved"):
        settings(server={"host": host})


@pytest.mark.parametrize(
    "url", ["auto", "http://127.0.0.1:11434", "https://ollama.example.org/behind", "http://[::1]:1"]
)
def test_an_engine_has_an_http_address_or_is_found(url: str) -> None:
    assert settings(engine={"url": url}).engine.url == url


@pytest.mark.parametrize(
    "url", ["", "localhost:11434", "ftp://x", "http://", "http://x:port", "http://[::1", "http://x:0"]
)
def test_other_addresses_of_an_engine_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="not an address of an engine"):
        settings(engine={"url": url})


@pytest.mark.parametrize(
    "origin", ["https://app.example.org", "http://localhost:3000", "http://[::1]:3000", "https://xn--bcher-kva.example"]
)
def test_an_origin_is_named_as_browsers_name_it(origin: str) -> None:
    assert settings(server={"cors_origins": [origin]}).server.cors_origins == (origin,)


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("*", "no origin"),
        ("null", "no origin"),
        ("https://*.example.org", "no origin"),
        ("app.example.org", "no origin"),
        ("file:///index.html", "no origin"),
        ("https://app.example.org/", 'Write "https://app.example.org"'),
        ("https://App.example.org", 'Write "https://app.example.org"'),
        ("https://app.example.org:443", 'Write "https://app.example.org"'),
        ("http://me@localhost:3000/a?b#c", 'Write "http://localhost:3000"'),
    ],
)
def test_what_is_no_origin_or_more_than_one_is_told_so(origin: str, told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        settings(server={"cors_origins": [origin]})
    (fault,) = raised.value.errors()
    unfit = fault["ctx"]["error"]
    assert isinstance(unfit, Unfit)
    assert told in f"{unfit.what} {unfit.mend}"


@pytest.mark.parametrize("host", ["mdsa.example.org", "box", "192.168.1.20", "[fd00::1]", "my_box.lan"])
def test_a_host_is_named_as_browsers_ask_for_it(host: str) -> None:
    assert settings(server={"allowed_hosts": [host]}).server.allowed_hosts == (host,)


@pytest.mark.parametrize(
    "host", ["*", "", "https://x.org", "x.org:443", ".x.org", "x.org/", "fd00::1", "bücher.example"]
)
def test_what_is_no_name_of_a_host_is_told_so(host: str) -> None:
    with pytest.raises(ValidationError, match="no host name"):
        settings(server={"allowed_hosts": [host]})


@pytest.mark.parametrize("span", ["5m", "1h30m", "1.5s", "-1m", 300, 0, -1, 2.5])
def test_a_model_may_be_kept_for_seconds_or_a_duration(span: str | float) -> None:
    assert settings(engine={"keep_alive": span}).engine.keep_alive == span


@pytest.mark.parametrize("span", ["", "soon", "5 m", "300", True, []])
def test_other_spans_of_time_are_refused(span: Any) -> None:
    with pytest.raises(ValidationError, match="seconds or a duration"):
        settings(engine={"keep_alive": span})


@pytest.mark.parametrize("think", [True, False, "low", "medium", "high"])
def test_a_model_can_be_told_whether_and_how_hard_to_think(think: bool | str) -> None:
    assert domain(think=think).think == think


@pytest.mark.parametrize("think", [1, "hard", []])
def test_it_cannot_be_told_to_think_in_other_ways(think: Any) -> None:
    with pytest.raises(ValidationError, match="must be true, false"):
        domain(think=think)


def test_options_keep_the_types_in_which_they_were_written() -> None:
    options = domain(options={"num_ctx": 8192, "temperature": 0.5, "use_mmap": True, "stop": ["\n"]}).options
    assert options == {"num_ctx": 8192, "temperature": 0.5, "use_mmap": True, "stop": ["\n"]}
    assert [type(value) for value in options.values()] == [int, float, bool, list]


@pytest.mark.parametrize("name", [*OPTIONS, "mine"])
@pytest.mark.parametrize("value", [{}, [1], [["a"]], float("nan"), 2**63, 10**400, None])
def test_options_that_no_engine_takes_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"options.{name}\n.*must be "):
        domain(options={name: value})


@pytest.mark.parametrize(("name", "kind"), OPTIONS.items())
def test_an_option_takes_its_own_type_and_no_other(name: str, kind: OptionType) -> None:
    for value in (True, 4096, 0.5, "a", ["a"]):
        if (type(value), kind) in ((bool, bool), (int, int), (float, float), (int, float), (list, list[str])):
            assert domain(options={name: value}).options == {name: value}
        else:
            with pytest.raises(ValidationError, match="must be"):
                domain(options={name: value})


def test_domains_are_given_on_in_the_files_order() -> None:
    both = settings(domains={"zoo": {"description": "Animals"}, "art": {"description": "Pictures", "model": "m"}})
    assert [(one.name, one.models) for one in both.domains_as_vocabulary()] == [("zoo", ()), ("art", ("m",))]


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings().server.port = 1
