"""Who may import what, beyond the floors that `lint-imports` holds."""

import sys
from pathlib import Path

import pytest

from mdsa_server import plugin_api
from tests.house.tree import source_files

PLUGINS = source_files("plugins")
NAMES = {Path(file.name).relative_to("plugins").parts[0].removesuffix(".py") for file in PLUGINS}

ONLY_IN = {
    "apsw": {f"mdsa_server/store/{name}.py" for name in ("backup", "database", "migrate", "soundness", "transaction")},
    "sqlite_vec": {"mdsa_server/store/database.py"},
    "httpcore": {
        "plugins/fetch_page/content.py",
        "plugins/fetch_page/fetching.py",
        "plugins/fetch_page/guarded_network.py",
    },
    "httpx2": {"plugins/mcp_tools/bounded_http.py", "plugins/mcp_tools/connection.py"},
    "mcp": {f"plugins/mcp_tools/{name}.py" for name in ("connection", "kept_server", "stdio_server")},
    "mcp_types": {
        f"plugins/mcp_tools/{name}.py" for name in ("connection", "described", "kept_server", "results", "stdio_server")
    },
    "ollama": {"mdsa_server/inference/ollama.py", "mdsa_server/inference/engine_faults.py"},
    "onnx": {"mdsa_server/inference/query_model_export.py"},
    "onnxruntime": {"mdsa_server/inference/query_model.py", "mdsa_server/inference/query_model_export.py"},
    "sentence_transformers": {"mdsa_server/inference/embedding_model.py", "plugins/cross_encoder_reranker.py"},
    "docx": {"mdsa_server/knowledge/formats/docx.py"},
    "pypdf": {"mdsa_server/knowledge/formats/pdf.py"},
    "pygments": {"mdsa_server/web/highlighting.py"},
    "selectolax": {"mdsa_server/knowledge/formats/html.py", "plugins/fetch_page/page_text.py"},
    "semchunk": {"mdsa_server/knowledge/splitting.py"},
    "prometheus_client": {"mdsa_server/web/prometheus.py"},
    "pynvml": {"mdsa_server/monitor/gpu.py"},
    "pluggy": {"mdsa_server/plugin_api/hookspecs.py", "mdsa_server/plugin_host/hooks.py"},
    "uvicorn": {"mdsa_server/cli/listening.py", "mdsa_server/cli/bounded_connection.py"},
}
"""Libraries that few may know, so that they can be changed for others."""


def test_first_party_plugins_import_only_what_a_strangers_can() -> None:
    ours = {name for plugin in PLUGINS for name in plugin.imports() if name.split(".")[0] == "mdsa_server"}
    assert ours - {"mdsa_server.plugin_api"} <= {f"mdsa_server.plugin_api.{name}" for name in plugin_api.__all__}


def test_the_plugins_that_the_configuration_counts_on_are_there() -> None:
    assert {"keyword_router", "embedding_router", "clock", "calculator"} <= NAMES


def test_no_plugin_has_the_name_of_one_of_pythons_modules() -> None:
    assert NAMES & sys.stdlib_module_names == set()


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_only_where_it_belongs(library: str) -> None:
    knowing = {
        file.name
        for file in source_files("mdsa_server", "plugins")
        if any(name.split(".")[0] == library for name in file.imports())
    }
    assert knowing, f"nothing imports {library}: take it out of this table"
    assert knowing <= ONLY_IN[library]


def test_what_the_plugin_api_offers_is_all_there() -> None:
    assert sorted(plugin_api.__all__) == plugin_api.__all__
    assert [name for name in plugin_api.__all__ if not hasattr(plugin_api, name)] == []
