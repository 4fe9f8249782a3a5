"""Which files are meant by what a person types."""

from pathlib import Path

import pytest

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.files import sources_in, sources_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.md", "b.pdf", "photo.png", ".hidden.md", "deep/c.TXT", "deep/.git/d.md", "node_modules/e.md"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("words")
    return tmp_path


def names(folder: Path, *paths: str) -> list[str]:
    return [str(Path(source.name).relative_to(folder)) for source in sources_of([str(folder / path) for path in paths])]


def test_a_folder_means_the_documents_in_it_but_not_what_is_hidden(folder: Path) -> None:
    assert names(folder, "") == ["a.md", "b.pdf", "deep/c.TXT"]
    assert [source.name for source in sources_in(folder)] == [source.name for source in sources_of([str(folder)])]


def test_a_file_that_is_named_is_meant_whatever_its_name(folder: Path) -> None:
    assert names(folder, "photo.png", ".hidden.md") == ["photo.png", ".hidden.md"]


def test_a_pattern_means_what_it_matches_and_each_file_once(folder: Path) -> None:
    assert names(folder, "*.md", "a.md", "**/*.TXT") == ["a.md", "deep/c.TXT"]


def test_a_file_with_signs_of_a_pattern_in_its_name_is_meant_itself(folder: Path) -> None:
    (folder / "x[1].md").write_text("words")
    assert names(folder, "x[1].md") == ["x[1].md"]


@pytest.mark.parametrize("path", ["missing.md", "*.nothing", "deep/.git/../../missing"])
def test_a_path_that_leads_nowhere_is_told(folder: Path, path: str) -> None:
    with pytest.raises(DocumentUnreadable, match="leads to no file") as refused:
        names(folder, "a.md", path)
    assert path in refused.value.detail


def test_a_folder_that_links_to_itself_ends(folder: Path) -> None:
    (folder / "round").symlink_to(folder)
    assert names(folder, "") == ["a.md", "b.pdf", "deep/c.TXT"]


def test_what_is_no_folder_is_not_synced(folder: Path) -> None:
    with pytest.raises(DocumentUnreadable, match="is no folder"):
        sources_in(folder / "a.md")
