"""One server at a time holds a data folder."""

from pathlib import Path

import pytest

from mdsa_server.errors import DataFolderInUse, StoreUnusable
from mdsa_server.store.data_folder import hold_data_folder, server_of


def test_the_holder_leaves_word_of_where_it_is_and_takes_it_away(tmp_path: Path) -> None:
    with hold_data_folder(tmp_path / "data", "http://127.0.0.1:1"):
        address = server_of(tmp_path / "data")
        assert address is not None
        assert address.url == "http://127.0.0.1:1"
    assert server_of(tmp_path / "data") is None


def test_a_second_server_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with (
        hold_data_folder(tmp_path, "http://127.0.0.1:1"),
        pytest.raises(DataFolderInUse, match=r"http://127\.0\.0\.1:1"),
        hold_data_folder(tmp_path, None),
    ):
        pass
    with hold_data_folder(tmp_path, None):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnusable, match="file"), hold_data_folder(tmp_path / "file" / "data", None):
        pass
