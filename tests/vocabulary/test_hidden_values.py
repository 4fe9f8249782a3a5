"""What looks like a secret is not shown, and what is none stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.vocabulary.hidden_values import HIDDEN, shown, shown_text, without_access_keys

SECRET = "s3cr3t-of-mine"


@pytest.mark.parametrize(
    "key",
    [
        *("api_key", "API_KEY", "apiKey", "apikey", "token", "notes-token", "authToken", "password", "db_passwd"),
        *("smtp_pass", "passcode", "github_pat", "apikeys", "slackWebhook"),
        *("client_secret", "Authorization", "cookie", "credentials", "secretKey", "api_tokens", "keys"),
    ],
)
def test_a_key_that_names_a_secret_hides_its_value(key: str) -> None:
    assert shown(SECRET, key) == HIDDEN
    assert shown([SECRET], key) == HIDDEN
    assert shown({"a": {"b": {key: SECRET}}}) == {"a": {"b": {key: HIDDEN}}}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("passage_tokens", 200),
        ("max_tokens", 256),
        ("keywords", ["python", "key"]),
        ("keep_alive", "5m"),
        ("key", ""),
        ("token", None),
        ("auth", True),
        ("model", "hf.co/bartowski/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M"),
        ("path", "/home/somebody/mdsa-data"),
        ("url", "http://127.0.0.1:11434"),
        ("command", ["python", "-m", "mcp_server_time", "--zone", "Europe/Berlin"]),
        ("instructions", "You are a friendly, careful assistant. Work at https://example.org/tokens?"),
        ("options", {"num_ctx": 8192, "temperature": 0.2}),
    ],
)
def test_what_is_no_secret_is_shown(key: str, value: object) -> None:
    assert shown(value, key) == value


@pytest.mark.parametrize("table", ["env", "headers"])
def test_an_environment_and_headers_tell_only_how_much_they_hold(table: str) -> None:
    values = {"HOME": "/root", "PLAIN": "$WEATHER_KEY"}
    assert shown({"servers": {"notes": {table: values}}}) == {"servers": {"notes": {table: "(hidden, 2 of them)"}}}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("http://ann:pass@host:1/x", f"http://{HIDDEN}@host:1/x"),
        ("https://host/mcp?a=1&api=abc#top", f"https://host/mcp?a={HIDDEN}&api={HIDDEN}#top"),
        ("Bearer abcdefgh12", f"Bearer {HIDDEN}"),
        ("postgres://ann:p@ss@host/db", f"postgres://{HIDDEN}@host/db"),
        ("X-Api-Key: mine", f"X-Api-Key: {HIDDEN}"),
        ("server --token mine --port 80", f"server --token {HIDDEN} --port 80"),
        ("env DB_PASS=mine run", f"env DB_PASS={HIDDEN} run"),
        ("https://hooks.slack.com/services/T0/B0/abc", f"https://hooks.slack.com/services/{HIDDEN}"),
        ("The key to a good answer", "The key to a good answer"),
        ("say sk-proj-abcdefghijkl and go", f"say {HIDDEN} and go"),
        ("ghp_abcdefghijklmnop", HIDDEN),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", HIDDEN),
        ("0b8ee3a2-7c1f-4a0e-9a8e-1234567890ab", HIDDEN),
        ("https://host/api/s/abc123def456abc123def456/mcp", f"https://host/api/s/{HIDDEN}/mcp"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(text: str, left: str) -> None:
    assert shown_text(text) == left
    assert shown([text], "command") == [left]


def test_a_program_s_words_hide_what_follows_a_flag_that_names_a_secret() -> None:
    words = ["notes", "--api-key", SECRET, "--token=" + SECRET, "-v", "TOKEN=" + SECRET, "open"]
    assert shown(words, "command") == [
        "notes",
        "--api-key",
        HIDDEN,
        f"--token={HIDDEN}",
        "-v",
        f"TOKEN={HIDDEN}",
        "open",
    ]


@given(st.text(alphabet="abc123-_=./ :@?&", max_size=200))
def test_any_text_can_be_looked_at_twice(text: str) -> None:
    assert shown_text(shown_text(text)) == shown_text(text)


@pytest.mark.parametrize("part", ["x", "x-", "-x", "x ", "x_1", "sk-", "://", "?a", "eyJ", "=", "bearer "])
def test_a_text_of_a_megabyte_is_looked_through_in_one_go(part: str) -> None:
    text = part * (1_000_000 // len(part))
    assert len(shown_text(text)) <= len(text)


def test_an_access_key_is_told_from_other_words_that_begin_like_one() -> None:
    key = "mdsa_" + "aB3-_" * 8 + "xyz"
    assert without_access_keys(f"/api/keys/{key}/revoke") == f"/api/keys/{HIDDEN}/revoke"
    assert shown_text(f"the key {key}.") == f"the key {HIDDEN}."
    for other in ("mdsa_server", "mdsa_example_plugin", f"{key}and_more", "mdsa_" + "a" * 42):
        assert without_access_keys(other) == other
