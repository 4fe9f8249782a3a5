"""A plugin's table fits its struct, or the key that does not is named."""

from typing import Annotated, Any

import msgspec
import pytest

from mdsa_server.plugin_host.member import HookFailed
from mdsa_server.plugin_host.plugin_settings import LEFT_OUT, SettingRefused, fill_settings


class Place(msgspec.Struct):
    city: str


class Weather(msgspec.Struct):
    station: str
    places: list[Place] = []
    every_minutes: int = msgspec.field(default=10, name="every-minutes")
    by_name: dict[Annotated[str, msgspec.Meta(pattern="^[a-z]+$")], Place] = {}


def test_a_table_becomes_the_plugins_struct() -> None:
    table = {"station": "LIS", "places": [{"city": "Lisbon"}], "every-minutes": 5}
    assert fill_settings("weather", Weather, table) == Weather("LIS", [Place("Lisbon")], 5)


def test_a_plugin_without_settings_gets_none() -> None:
    assert fill_settings("weather", None, {}) is None


@pytest.mark.parametrize(
    ("struct", "table", "key", "what", "mend"),
    [
        (None, {"station": "LIS"}, "", "this plugin takes no settings", "Take the table out."),
        (Weather, {"places": []}, "", 'object missing required field "station"', LEFT_OUT),
        (Weather, {"station": 7}, ".station", 'expected "str", got "int"', LEFT_OUT),
        (
            Weather,
            {"station": "", "places": [{"city": 1}]},
            ".places.0.city",
            'expected "str", got "int"',
            LEFT_OUT,
        ),
        (
            Weather,
            {"station": "", "by_name": {"home": {"city": "Lisbon"}, "work": {"city": 1}}},
            ".by_name.work.city",
            'expected "str", got "int"',
            LEFT_OUT,
        ),
        (
            Weather,
            {"station": "", "by_name": {"home": {"city": "Lisbon"}, "My Work": {"city": "Porto"}}},
            ".by_name.My Work",
            "expected \"str\" matching regex '^[a-z]+$'",
            LEFT_OUT,
        ),
        (
            Weather,
            {"station": "", "every_minutes": 5},
            ".every_minutes",
            "there is no such setting",
            "Did you mean every-minutes?",
        ),
        (
            Weather,
            {"station": "", "x": 5},
            ".x",
            "there is no such setting",
            "There are: station, places, every-minutes, by_name.",
        ),
    ],
)
def test_what_was_written_and_does_not_fit_is_told_with_its_key(
    struct: Any, table: dict[str, Any], key: str, what: str, mend: str
) -> None:
    with pytest.raises(SettingRefused) as refused:
        fill_settings("weather", struct, table)
    assert (".".join(refused.value.unfit.path), *refused.value.unfit[1:]) == ("plugins.weather" + key, what, mend)


def test_a_setting_that_nobody_wrote_and_is_needed_is_no_fault_of_what_was_written() -> None:
    with pytest.raises(HookFailed) as failed:
        fill_settings("weather", Weather, {})
    assert not isinstance(failed.value, SettingRefused)
    assert failed.value.reason == '[plugins.weather] object missing required field "station"'
