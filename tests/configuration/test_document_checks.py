"""What valid settings say about documents, and would not work as it was meant, is found where it is written."""

from pathlib import Path

import pytest

from mdsa_server.configuration import Loaded
from mdsa_server.configuration.document_checks import missing_folders, nothing_to_say, unread_passages
from mdsa_server.errors import ConfigurationInvalid
from tests.configuration.configurations import load_text

HEAD = '[routing]\nfallback = "one"\n'


def domain(folder: Path, lines: str, more: str = "") -> Loaded:
    return load_text(folder, f'{HEAD}{more}\n[domains.one]\ndescription = "x"\n{lines}\n')


def test_folders_that_are_none_are_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "manuals").mkdir()
    loaded = domain(tmp_path, 'folders = ["manuals", "file", "missing"]')
    no_folder, missing = missing_folders(loaded.settings, loaded.places)
    assert (no_folder.key, no_folder.what) == ("domains.one.folders", f"{tmp_path / 'file'} is no folder")
    assert missing.what == f"{tmp_path / 'missing'} is not there"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ('no_passages = "say so"', 1),
        ('no_passages = "say so"\ncollections = ["pumps"]', 0),
        ('no_passages = "say so"\nfolders = ["manuals"]', 0),
        ("", 0),
    ],
)
def test_a_domain_that_answers_from_documents_alone_and_has_none_is_found(
    tmp_path: Path, lines: str, found: int
) -> None:
    loaded = domain(tmp_path, lines)
    faults = nothing_to_say(loaded.settings, loaded.places)
    assert [fault.key for fault in faults] == ["domains.one.no_passages"] * found


@pytest.mark.parametrize(("most", "found"), [(256, 1), (5_000, 0), (None, 0)])
def test_passages_longer_than_the_embedding_model_reads_are_found(tmp_path: Path, most: int | None, found: int) -> None:
    loaded = domain(tmp_path, "", "[knowledge]\npassage_tokens = 5000")
    faults = unread_passages(loaded.settings, most, loaded.places)
    assert [fault.key for fault in faults] == ["knowledge.passage_tokens"] * found


@pytest.mark.parametrize("name", ["", " ", " pumps", "two\\nlines"])
def test_what_no_collection_is_called_is_a_fault(tmp_path: Path, name: str) -> None:
    for lines, more in ((f'collections = ["{name}"]', ""), ("", f'[knowledge]\nshared = ["pumps", "{name}"]')):
        with pytest.raises(ConfigurationInvalid) as refused:
            domain(tmp_path, lines, more)
        assert "which no collection is called" in str(refused.value.faults[0])
