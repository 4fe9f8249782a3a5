"""Every error says its kind, what follows from it, and has a status."""

import inspect

import pytest

from mdsa_server import errors
from mdsa_server.errors import MdsaError, code_of
from mdsa_server.web.problems import STATUS

KINDS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, MdsaError) and kind is not MdsaError
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_has_a_title_of_its_own(kind: type[MdsaError]) -> None:
    assert "title" in vars(kind)
    assert [other for other in KINDS if other.title == kind.title] == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_when_it_is_raised(kind: type[MdsaError]) -> None:
    assert (kind.__doc__ or "").rstrip().endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_has_a_status_that_tells_of_failure(kind: type[MdsaError]) -> None:
    assert 400 <= STATUS[kind] < 600
    assert STATUS[kind] != 500, "500 is for what nobody thought of"


def test_the_table_of_statuses_has_no_strangers() -> None:
    assert set(STATUS) == set(KINDS)


def test_codes_tell_errors_apart() -> None:
    assert len({code_of(kind) for kind in KINDS}) == len(KINDS)
