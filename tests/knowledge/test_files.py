"""Which files are meant by what a person types."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from mdsa_server.errors import DocumentUnreadable, InvalidRequest
from mdsa_server.knowledge.files import folder_now, require_folder, sources_of, sources_still_there
from mdsa_server.knowledge.ingest import Source

DOCUMENTS = ["a.md", "b.pdf", "deep/c.TXT"]


def go_on() -> None:
    """Nobody has lost patience."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.md", "b.pdf", "photo.png", ".hidden.md", "deep/c.TXT", "deep/.git/d.md", "node_modules/e.md"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("words")
    return tmp_path


def below(folder: Path, sources: Iterable[Source]) -> list[str]:
    return [str(Path(source.name).relative_to(folder)) for source in sources]


def names(folder: Path, *paths: str) -> list[str]:
    return below(folder, sources_of([f"{folder}/{path}" for path in paths], go_on))


def gone(folder: Path, *known: str) -> list[str]:
    return folder_now(folder, [str(folder / name) for name in known], go_on).gone


def test_a_folder_means_the_documents_in_it_but_not_what_is_hidden(folder: Path) -> None:
    assert names(folder, "") == DOCUMENTS
    assert below(folder, folder_now(folder, (), go_on).sources) == DOCUMENTS


def test_a_file_that_is_named_is_meant_whatever_its_name(folder: Path) -> None:
    assert names(folder, "photo.png", ".hidden.md") == ["photo.png", ".hidden.md"]


@pytest.mark.parametrize(
    ("patterns", "meant"),
    [
        (["*.md", "a.md", "**/*.TXT"], ["a.md", "deep/c.TXT"]),
        (["*"], DOCUMENTS),
        (["**"], DOCUMENTS),
        (["**/*"], DOCUMENTS),
        (["**/*.md"], ["a.md"]),
        (["*.png"], ["photo.png"]),
        (["ph*"], ["photo.png"]),
        ([".*.md"], [".hidden.md"]),
        (["node_modules/*"], ["node_modules/e.md"]),
        (["d*/c.*"], ["deep/c.TXT"]),
        (["deep/../[ab].md"], ["a.md"]),
    ],
)
def test_a_pattern_means_what_it_matches_by_the_rules_for_folders(
    folder: Path, patterns: list[str], meant: list[str]
) -> None:
    assert names(folder, *patterns) == meant


def test_a_file_with_signs_of_a_pattern_in_its_name_is_meant_itself(folder: Path) -> None:
    (folder / "x[1].md").write_text("words")
    assert names(folder, "x[1].md") == ["x[1].md"]


@pytest.mark.parametrize("path", ["missing.md", "*.nothing", "deep/.git/../../missing", "x" * 5_000, "x/" * 3_000])
def test_a_path_that_leads_nowhere_is_told(folder: Path, path: str) -> None:
    with pytest.raises(DocumentUnreadable, match="leads to no file") as refused:
        names(folder, "a.md", path)
    assert path in refused.value.detail
    assert refused.value.mend == "Check the path."


def test_a_folder_without_documents_is_told_with_what_is_taken(folder: Path) -> None:
    (folder / "photos").mkdir()
    with pytest.raises(DocumentUnreadable, match="leads to no file") as refused:
        names(folder, "photos")
    assert "Markdown" in refused.value.mend


@pytest.mark.parametrize("path", ["", "  ", "manuals", "./manuals", "~no-such-user/manuals", "/a\0b"])
def test_a_path_that_is_not_whole_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest, match="is not absolute"):
        sources_of([path], go_on)


def test_a_file_has_one_name_however_it_is_reached(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "deep")
    spellings = ["deep/c.TXT", "deep/../deep/c.TXT", "./deep//c.TXT", "link/c.TXT", "link/*", "*/c.TXT", "link/../deep"]
    assert names(folder, *spellings) == ["deep/c.TXT"]
    assert below(folder, folder_now(folder / "link", (), go_on).sources) == ["deep/c.TXT"]
    assert below(folder, folder_now(folder / "deep" / ".." / "deep", (), go_on).sources) == ["deep/c.TXT"]


def test_a_link_to_a_file_keeps_its_own_name(folder: Path) -> None:
    (folder / "latest.md").symlink_to(folder / "a.md")
    assert names(folder, "latest.md") == ["latest.md"]


@pytest.mark.parametrize("path", ["", "**", "**/*.md", "**/*.TXT"])
def test_a_folder_that_links_to_itself_ends(folder: Path, path: str) -> None:
    (folder / "round").symlink_to(folder)
    assert set(names(folder, path)) <= set(DOCUMENTS)


def test_what_is_no_folder_is_not_synced(folder: Path) -> None:
    for path in (folder / "a.md", folder / "missing", Path("/" + "x" * 5_000)):
        with pytest.raises(DocumentUnreadable, match="is no folder"):
            require_folder(path, go_on)


def test_a_name_that_is_no_text_is_told_and_the_other_files_are_meant(folder: Path) -> None:
    (folder / os.fsdecode(b"k\xe4uze.md")).write_text("words")
    odd, *others = sorted(sources_of([str(folder)], go_on), key=lambda source: source.problem is None)
    assert odd.problem is not None
    assert "is not UTF-8" in odd.problem.detail
    assert odd.name.encode().endswith(b"k\\udce4uze.md")
    assert sorted(below(folder, others)) == DOCUMENTS


def test_only_what_is_there_no_more_is_gone(folder: Path) -> None:
    (folder / "was a file.md").mkdir()
    known = ("a.md", "photo.png", ".hidden.md", "missing.md", "no/such/folder.md", "was a file.md")
    names = ["missing.md", "no/such/folder.md", "was a file.md"]
    assert gone(folder, *known) == [str(folder / name) for name in names]
    assert folder_now(folder, ["/elsewhere/x.md", "sent.md"], go_on).gone == []


def test_what_may_not_be_seen_is_told_and_not_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, scan, look = str(folder / "deep"), os.scandir, os.lstat

    # As the system answers whoever may not look; nothing is closed to root.
    def refused(path: str) -> str:
        if path.startswith(closed):
            raise PermissionError(13, "Permission denied", path)
        return path

    monkeypatch.setattr(os, "scandir", lambda path: scan(refused(path)))
    monkeypatch.setattr(os, "lstat", lambda path, **options: look(refused(path), **options))
    found = folder_now(folder, [f"{closed}/c.TXT", f"{closed}/more/d.md"], go_on)
    assert found.gone == []
    (unseen,) = (source.problem for source in found.sources if source.problem)
    assert f"{closed} cannot be listed (Permission denied)" in unseen.detail
    assert unseen.mend


def test_a_disk_that_is_not_mounted_takes_nothing_away(folder: Path) -> None:
    empty = folder / "mount"
    empty.mkdir()
    with pytest.raises(DocumentUnreadable, match="is empty, and 2 documents came from it"):
        gone(empty, "a.md", "b.md")
    assert gone(empty) == []
    (empty / "else.bin").write_text("words")
    assert len(gone(empty, "a.md")) == 1


def test_of_known_sources_those_with_a_file_are_still_there(folder: Path) -> None:
    known = [str(folder / "a.md"), str(folder / "missing.md"), "sent.md", str(folder / "deep")]
    assert below(folder, sources_still_there(known, go_on)) == ["a.md"]
