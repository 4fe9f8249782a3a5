"""A plugin's table fits its struct, or the key that does not is named."""

from typing import Any

import msgspec
import pytest

from mdsa_server.plugin_host.member import HookFailed
from mdsa_server.plugin_host.plugin_settings import fill_settings


class Place(msgspec.Struct):
    city: str


class Weather(msgspec.Struct):
    station: str
    places: list[Place] = []
    every_minutes: int = msgspec.field(default=10, name="every-minutes")


def test_a_table_becomes_the_plugins_struct() -> None:
    table = {"station": "LIS", "places": [{"city": "Lisbon"}], "every-minutes": 5}
    assert fill_settings("weather", Weather, table) == Weather("LIS", [Place("Lisbon")], 5)


def test_a_plugin_without_settings_gets_none() -> None:
    assert fill_settings("weather", None, {}) is None


@pytest.mark.parametrize(
    ("struct", "table", "reason"),
    [
        (None, {"station": "LIS"}, "plugins.weather: this plugin takes no settings"),
        (Weather, {}, "plugins.weather: Object missing required field `station`"),
        (Weather, {"station": 7}, "plugins.weather.station: Expected `str`, got `int`"),
        (
            Weather,
            {"station": "", "places": [{"city": 1}]},
            "plugins.weather.places[0].city: Expected `str`, got `int`",
        ),
        (
            Weather,
            {"station": "", "every_minutes": 5},
            "plugins.weather.every_minutes: there is no such setting; did you mean every-minutes?",
        ),
        (
            Weather,
            {"station": "", "x": 5},
            "plugins.weather.x: there is no such setting; there are: station, places, every-minutes",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_key(struct: Any, table: dict[str, Any], reason: str) -> None:
    with pytest.raises(HookFailed) as failed:
        fill_settings("weather", struct, table)
    assert (failed.value.hook, failed.value.reason) == ("plugin_settings", reason)
