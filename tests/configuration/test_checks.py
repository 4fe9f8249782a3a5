"""What is wrong with valid settings shows once models, tools and memory are known."""

from pathlib import Path

import pytest

from mdsa_server.configuration.checks import (
    crowded_memory,
    crowded_places,
    duplicate_examples,
    missing_models,
    names_of_no_plugin,
    reloaded_models,
    resident_bytes,
    too_large,
    unknown_options,
    unoffered_routers,
)
from mdsa_server.vocabulary.models import InstalledModel, full_name
from tests.configuration.configurations import domains, load_text

SMALL = InstalledModel(name="small:latest", digest="aaa", size=1_000_000_000)
ALIAS = InstalledModel(name="alias:latest", digest="aaa", size=1_000_000_000)
LARGE = InstalledModel(name="large:7b", digest="bbb", size=5_000_000_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_a_router_that_no_plugin_offers_is_found(folder: Path) -> None:
    loaded = domains(folder, one="")
    (fault,) = unoffered_routers(loaded.settings, ["keyword_router"], places=loaded.places)
    assert "embedding_router" in fault.what


def test_settings_and_bans_of_plugins_that_are_not_there_are_found(folder: Path) -> None:
    text = (
        '[plugin_host]\ndisabled = ["clock", "clok"]\n[plugins.calculater]\na = 1\n[domains.general]\ndescription = "x"'
    )
    loaded = load_text(folder, text)
    found = names_of_no_plugin(loaded.settings, ["clock", "calculator"], loaded.places)
    assert [(fault.line, fault.mend) for fault in found] == [
        (3, "Did you mean calculator?"),
        (2, "Did you mean clock?"),
    ]


def test_models_that_the_engine_does_not_have_are_found_with_the_command_that_fetches_them(folder: Path) -> None:
    loaded = domains(folder, one='model = "small"', two='model = "large"')
    (fault,) = missing_models(loaded.settings, [SMALL, LARGE], loaded.places)
    assert (fault.line, fault.key, fault.mend) == (8, "domains.two.model", "Fetch it: mdsa models pull large")


def test_a_default_model_that_is_named_must_be_there_too(folder: Path) -> None:
    loaded = load_text(folder, '[engine]\ndefault_model = "tiny"\n[domains.general]\ndescription = "x"')
    (fault,) = missing_models(loaded.settings, [SMALL], loaded.places)
    assert (fault.line, fault.key) == (2, "engine.default_model")


def test_a_default_model_that_is_found_by_itself_is_never_missing(folder: Path) -> None:
    assert missing_models(domains(folder, one="").settings, []) == []


def test_domains_that_want_one_model_with_different_contexts_are_found(folder: Path) -> None:
    loaded = domains(
        folder,
        one='model = "small"\noptions = { temperature = 0 }',
        two="options = { num_ctx = 8192, temperature = 1 }",
        three='model = "alias:latest"\noptions.num_ctx = 4096',
    )
    (fault,) = reloaded_models(loaded.settings, "small:latest", [SMALL, ALIAS], loaded.places)
    assert (fault.line, fault.key) == (9, "domains.two.options.num_ctx")
    assert "(one: not set, two: 8192, three: 4096)" in fault.what


@pytest.mark.parametrize("option", ["num_gpu = 1", "num_thread = 2", "num_batch = 64", "use_mmap = false"])
def test_other_options_of_the_runner_count_like_the_context(folder: Path, option: str) -> None:
    loaded = domains(folder, one=f"options = {{ {option} }}", two="")
    (fault,) = reloaded_models(loaded.settings, "small", [SMALL])
    assert option.split()[0] in fault.key


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("num_ctx = 8192", "num_ctx = 8192"),
        ("temperature = 0.1", "temperature = 0.9"),
        ("stop = ['a']", "seed = 1"),
    ],
)
def test_options_that_do_not_reload_a_model_may_differ(folder: Path, one: str, two: str) -> None:
    loaded = domains(folder, one=f"options = {{ {one} }}", two=f"options = {{ {two} }}")
    assert reloaded_models(loaded.settings, "small", [SMALL]) == []


def test_an_option_that_ollama_does_not_know_is_found_and_the_likeliest_is_named(folder: Path) -> None:
    loaded = domains(folder, one="options = { num_cxt = 8192, top_k = 5 }", two="options.warp_factor = 9")
    near, far = unknown_options(loaded.settings, loaded.places)
    assert (near.line, near.key, near.mend) == (5, "domains.one.options.num_cxt", "Did you mean num_ctx?")
    assert (far.line, far.key) == (8, "domains.two.options.warp_factor")
    assert "passes over it" in far.what


def test_domains_on_different_models_may_want_different_contexts(folder: Path) -> None:
    loaded = domains(folder, one='model = "large:7b"\noptions.num_ctx = 1024', two="options.num_ctx = 2048")
    assert reloaded_models(loaded.settings, "small", [SMALL, LARGE]) == []


def test_without_a_default_model_only_named_ones_are_compared(folder: Path) -> None:
    loaded = domains(folder, one="options.num_ctx = 1024", two="options.num_ctx = 2048")
    assert reloaded_models(loaded.settings, None, []) == []


def test_weights_under_two_names_are_counted_once(folder: Path) -> None:
    loaded = domains(folder, one='model = "small"', two='model = "alias"', three='model = "large:7b"', four="")
    assert resident_bytes(loaded.settings, "small", [SMALL, ALIAS, LARGE]) == 6_000_000_000


def test_models_that_do_not_fit_into_memory_together_are_told_as_an_estimate(folder: Path) -> None:
    loaded = domains(folder, one='model = "small"', two='model = "large:7b"')
    (fault,) = crowded_memory(loaded.settings, None, [SMALL, LARGE], 5_500_000_000, loaded.places)
    assert "an estimated 6.0 GB" in fault.what
    assert "5.5 GB of memory" in fault.what
    assert crowded_memory(loaded.settings, None, [SMALL, LARGE], 6_000_000_000) == []


def test_an_example_in_two_domains_is_found_whatever_its_case_and_spacing(folder: Path) -> None:
    loaded = domains(
        folder, one='examples = ["What  TIME is it?", "a"]', two='examples = ["b", "what time\\tis it?"]', three=""
    )
    (fault,) = duplicate_examples(loaded.settings, loaded.places)
    assert (fault.line, fault.key) == (8, "domains.two.examples")
    assert "also an example of domain one" in fault.what


def test_an_example_twice_in_one_domain_is_no_trouble(folder: Path) -> None:
    assert duplicate_examples(domains(folder, one='examples = ["a", "A"]').settings) == []


@pytest.mark.parametrize(
    ("model", "full"),
    [("small", "small:latest"), ("small:1b", "small:1b"), ("host:5000/a/b", "host:5000/a/b:latest")],
)
def test_a_model_without_a_tag_is_the_latest(model: str, full: str) -> None:
    assert full_name(model) == full


def test_limits_that_contradict_each_other_are_found(folder: Path) -> None:
    text = (
        '[residency]\nmax_models = 4\npinned = ["one", "one:latest"]\npreload = ["two", "three", "four", "five"]\n'
        "max_memory_gb = 0.5\n[domains.general]\ndescription = 'x'\nmodel = 'large:7b'"
    )
    loaded = load_text(folder, text)
    preload, limit = crowded_places(loaded.settings, "ollama", loaded.places)
    assert (preload.line, preload.what) == (
        *(4, "with what is pinned, 5 models are to be loaded, and 4 may be in memory"),
    )
    assert (limit.line, limit.mend) == (2, "Start Ollama with OLLAMA_MAX_LOADED_MODELS=4, or lower it.")
    assert [fault.key for fault in crowded_places(loaded.settings, "embedded")] == ["residency.preload"]
    (large,) = too_large(loaded.settings, None, [SMALL, LARGE], loaded.places)
    assert large.what == "large:7b alone takes 5.0 GB, so nothing else stays in memory beside it"
