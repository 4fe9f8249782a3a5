"""`mdsa init` writes a file that is valid, and made for the models that are there."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mdsa_server import bundled
from mdsa_server.configuration import Loaded
from mdsa_server.configuration.starter import Suggestion, starter, suggest
from mdsa_server.vocabulary.models import InstalledModel
from tests.configuration.configurations import load_text


def models(*names: str) -> list[InstalledModel]:
    return [InstalledModel(name=name, digest=name, size=2_000_000_000) for name in names]


def started(folder: Path, installed: Sequence[InstalledModel]) -> tuple[str, Loaded]:
    reference, schema = bundled.reference_configuration(), bundled.docs() / "mdsa.schema.json"
    text = starter(installed, suggest(installed), reference=reference, schema=schema)
    return text, load_text(folder, text)


@pytest.mark.parametrize(
    ("names", "suggestion"),
    [
        ((), Suggestion()),
        (("llama3.2:3b",), Suggestion()),
        (("qwen2.5-coder:7b",), Suggestion()),
        (("llama3.2:3b", "gemma3:4b"), Suggestion()),
        (("qwen2.5-coder:7b", "gemma3:4b", "codellama"), Suggestion("gemma3:4b", "qwen2.5-coder:7b")),
    ],
)
def test_a_model_for_code_is_suggested_where_there_is_another_for_the_rest(
    names: tuple[str, ...], suggestion: Suggestion
) -> None:
    assert suggest(models(*names)) == suggestion


def test_the_file_names_the_suggested_models_and_lists_all(tmp_path: Path) -> None:
    text, loaded = started(tmp_path, models("qwen2.5-coder:7b", "gemma3:4b"))
    assert loaded.settings.engine.default_model == "gemma3:4b"
    assert {name: domain.model for name, domain in loaded.settings.domains.items() if domain.model} == {
        "code": "qwen2.5-coder:7b"
    }
    assert "#   gemma3:4b         2.0 GB\n" in text


def test_without_an_engine_the_file_leaves_the_choice_to_the_server(tmp_path: Path) -> None:
    text, loaded = started(tmp_path, [])
    assert loaded.settings.engine.default_model == "auto"
    assert all(domain.model is None for domain in loaded.settings.domains.values())
    assert "The engine has" not in text


def test_the_file_has_the_shipped_domains_with_all_they_say(tmp_path: Path) -> None:
    _, loaded = started(tmp_path, [])
    shipped = load_text(tmp_path, bundled.reference_configuration().read_text("utf-8"))
    assert loaded.settings.domains == shipped.settings.domains
