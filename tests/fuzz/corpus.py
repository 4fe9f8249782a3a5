"""The files that were found to be worth trying, by their kind."""

from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def corpus(kind: str) -> dict[str, bytes]:
    """Give the files of a kind by their names; there is at least one."""
    found = {path.name: path.read_bytes() for path in sorted((CORPUS / kind).iterdir())}
    assert found, f"no file in {CORPUS / kind}"
    return found
