"""A fingerprint changes with what an evaluation measures, and with nothing else."""

from pathlib import Path

import pytest

from mdsa_server.configuration.fingerprints import fingerprint_of_retrieval, fingerprint_of_routing
from mdsa_server.configuration.reloading import team_of
from tests.configuration.configurations import GENERAL, load_text


def fingerprints(folder: Path, text: str) -> tuple[str, str]:
    settings = load_text(folder, text).settings
    return fingerprint_of_routing(settings, team_of(settings)), fingerprint_of_retrieval(settings)


@pytest.mark.parametrize(
    ("more", "routing", "retrieval"),
    [
        ("", False, False),
        ('instructions = "Be brief."', False, False),
        ("[server]\nport = 1", False, False),
        ('[plugins.clock]\nzone = "Asia/Tokyo"', False, False),
        ('examples = ["hello"]', True, False),
        ('keywords = ["hello"]', True, False),
        ("[routing]\nmin_confidence = 0.6", True, False),
        ('[routing]\nrouters = ["keyword_router"]', True, False),
        ("[plugins.keyword_router]\nweight = 2", True, False),
        ("[knowledge]\npassage_tokens = 100", False, True),
        ('[knowledge]\nreranker = "words"', False, True),
        ('[embedding]\nmodel = "another/model"', True, True),
    ],
)
def test_it_changes_with_what_is_measured(tmp_path: Path, more: str, routing: bool, retrieval: bool) -> None:
    before, after = fingerprints(tmp_path, GENERAL), fingerprints(tmp_path, f"{GENERAL}{more}\n")
    assert (before[0] != after[0], before[1] != after[1]) == (routing, retrieval)
