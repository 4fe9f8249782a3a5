"""The last evaluation of each kind is kept whole, and what cannot be read is as if there were none."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mdsa_server.evaluation.kept import FILES, FOLDER, keep, last
from mdsa_server.evaluation.results import RetrievalEvaluation, RouteEvaluation
from tests.evaluation import results


def test_what_was_kept_is_read_again_as_it_was(tmp_path: Path) -> None:
    routes, retrieval = results.of_routes("a"), results.of_retrieval("b")
    for evaluation in (routes, retrieval):
        keep(tmp_path / "data", evaluation)
    assert last(tmp_path / "data", RouteEvaluation) == routes
    assert last(tmp_path / "data", RetrievalEvaluation) == retrieval


def test_only_the_last_of_a_kind_is_kept(tmp_path: Path) -> None:
    for fingerprint in ("first", "second"):
        keep(tmp_path, results.of_routes(fingerprint))
    kept = last(tmp_path, RouteEvaluation)
    assert kept is not None
    assert kept.fingerprint == "second"
    assert last(tmp_path, RetrievalEvaluation) is None
    assert [file.name for file in (tmp_path / FOLDER).iterdir()] == ["routes.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"report": {}, "made": "yesterday"})])
def test_a_file_that_cannot_be_read_is_told_in_the_log_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / FILES[RouteEvaluation]).write_text(text)
    with capture_logs() as logs:
        assert last(tmp_path, RouteEvaluation) is None
    assert [line["event"] for line in logs] == ["evaluation cannot be read"]


def test_where_it_cannot_be_written_the_last_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, results.of_routes("first"))

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        keep(tmp_path, results.of_routes("second"))
    kept = last(tmp_path, RouteEvaluation)
    assert kept is not None
    assert kept.fingerprint == "first"
    assert len(list((tmp_path / FOLDER).iterdir())) == 1
