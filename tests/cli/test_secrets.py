"""Secrets are nowhere to be seen: not in what commands print, not in pages, answers, exports, and not in the log."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from mdsa_server.configuration.load import load, read
from mdsa_server.engine_places import ollama_url
from mdsa_server.errors import ConfigurationInvalid
from tests.cli.terminal import Terminal
from tests.fakes.scripted_ollama import ScriptedOllama

MARK = "s3cr3t"
"""Stands in every secret of these tests."""

PLUGIN = '''
import msgspec
from mdsa_server.plugin_api import Tool, hookimpl


class Settings(msgspec.Struct):
    api_key: str = ""
    limits: dict[str, str] = {}


def pour(what: str) -> str:
    """Pour something."""
    raise ValueError(f"there is no {what}")


@hookimpl
def plugin_settings():
    return Settings


@hookimpl
def register_tools(context):
    assert context.settings.api_key.startswith("s3cr3t")
    return [Tool(pour)]
'''

CONFIGURATION = """
[logging]
level = "debug"
format = "json"
[plugins.notes]
api_key = "s3cr3t-of-the-plugin"
limits = {{ password = "s3cr3t-within-a-table" }}
[plugins.mcp_tools.servers.weather]
command = ["{python}", "-c", "raise SystemExit", "--token", "s3cr3t-of-the-command", "--api-key=s3cr3t-given"]
env = {{ WEATHER = "$WEATHER", NOT_THERE = "$NOT_THERE", NOTHING = "s3cr3t-of-the-program" }}
[plugins.mcp_tools.servers.notes]
url = "http://me:s3cr3t-of-the-address@127.0.0.1:9/mcp?key=s3cr3t-of-the-query"
headers = {{ Authorization = "Bearer s3cr3t-of-the-header", X-Whatever = "${{WEATHER}}" }}
"""
ENVIRON = {
    "WEATHER": "s3cr3t-of-the-environment",
    "MDSA_PLUGINS__NOTES__LIMITS": '{ token = "s3cr3t-of-a-variable" }',
    "OLLAMA_API_KEY": "s3cr3t-of-the-engine",
}
TERMINAL_SECRET = re.compile(r'"secret":"([^"]+)"')


@pytest.fixture
def terminal(tmp_path: Path, engine: ScriptedOllama) -> Terminal:
    terminal = Terminal(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "notes.py").write_text(PLUGIN)
    terminal.configure(
        engine.url.replace("//", "//me:s3cr3t-of-the-engine@"), CONFIGURATION.format(python=terminal.python)
    )
    text = (tmp_path / "mdsa.toml").read_text()
    (tmp_path / "mdsa.toml").write_text(text.replace("[plugin_host]\n", '[plugin_host]\ndirectories = ["own"]\n'))
    return terminal


@asynccontextmanager
async def serving(terminal: Terminal, log: list[str]) -> AsyncIterator[str]:
    """Serve, and give the address; what was logged is in `log` afterwards."""
    async with terminal.running("serve", **ENVIRON) as server:
        await server.prints("http://")
        yield "http://" + (await server.prints("\n")).strip().rstrip("/.")
        ended = await server.ends_when_interrupted()
        log.append(ended.out + ended.err)


def addresses(described: dict[str, Any]) -> list[str]:
    """Give every address of the API that can be asked for without an id, and those of the pages, with a query."""
    plain = [path for path, operations in described["paths"].items() if "get" in operations and "{" not in path]
    pages = ["/", "/chat", "/monitor", "/turns", "/domains", "/plugins", "/tools", "/configuration", "/documents"]
    pages += ["/corrections", "/schema", "/sign-in", "/configuration/check", "/api/tools/pour", "/nowhere"]
    return [f"{path}?key={MARK[::-1]}" if path == "/nowhere" else path for path in (*plain, *pages)]


def seen(texts: dict[str, str], secrets: list[str]) -> list[str]:
    """Say where a secret is to be seen."""
    return [
        f"{place}: {text[max(found - 80, 0) : found + 60]!r}"
        for place, text in texts.items()
        for secret in (MARK, *secrets)
        if (found := text.find(secret)) >= 0
    ]


@pytest.mark.parametrize(
    "text",
    [
        '[engine]\nurl = "http://me:s3cr3t@[::1"',
        '[engine]\nurl = "ftp://me:s3cr3t@host/"',
        '[server]\nport = "http://me:s3cr3t@host"',
        '[server]\nport = "--api-key s3cr3t"',
        '[server]\nhost = "http://me:s3cr3t@host"',
        '[engine]\nurl = ["http://me:s3cr3t@host"]',
        '[server]\napi_key = "s3cr3t"',
        '[server]\nallowed_hosts = "https://me:s3cr3t@host/?key=s3cr3t"',
        '[engine]\nurl = "http://me:s3cr3t@host',
        '[plugins]\nnotes = "token=s3cr3t"',
    ],
)
def test_no_secret_is_seen_in_a_fault_of_the_configuration(tmp_path: Path, text: str) -> None:
    (tmp_path / "mdsa.toml").write_text(f'[domains.general]\ndescription = "x"\n{text}\n')
    with pytest.raises(ConfigurationInvalid) as refused:
        load(None, {}, tmp_path)
    faults = dict(enumerate(map(str, refused.value.faults)))
    assert seen({"error": str(refused.value)} | {str(number): said for number, said in faults.items()}, []) == []


def test_no_secret_is_seen_in_a_fault_of_a_variable(tmp_path: Path) -> None:
    (tmp_path / "mdsa.toml").write_text('[domains.general]\ndescription = "x"\n')
    environ = {
        "MDSA_SERVER__PASSWORD": MARK,
        "MDSA_ENGINE__URL": f"http://me:{MARK}@[::1",
        "MDSA_SERVER__PORT": f"http://me:{MARK}@host",
        "MDSA_SERVER_HOST": MARK,
    }
    reading = read(None, environ, tmp_path)
    assert len(reading.faults) == 4
    assert seen({str(number): str(fault) for number, fault in enumerate(reading.faults)}, []) == []
    with pytest.raises(ConfigurationInvalid) as refused:
        ollama_url(f"me:{MARK}@host:many")
    assert MARK not in str(refused.value.faults)


async def commands(terminal: Terminal) -> AsyncIterator[tuple[str, str]]:
    """Give what the commands print that tell of the configuration and of what it leads to."""
    for arguments in ("check", "check --json", "plugins", "tools", "models", "keys list"):
        done = await terminal.mdsa(*arguments.split(), **ENVIRON)
        yield f"mdsa {arguments}", done.out + done.err


async def answers(client: httpx.AsyncClient, key: str, paths: list[str]) -> AsyncIterator[tuple[str, str]]:
    """Give what a server answers to who shows a key, in headers and bodies."""
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/html"}
    for path in paths:
        answer = await client.get(path, headers=headers)
        yield f"{path} for {key[:8]}", answer.text + str(answer.headers)
    for path, body in (
        ("/api/chat", {"message": "hello"}),
        ("/api/tools/pour/call", {"arguments": {"what": "tea"}}),
        ("/api/tools/pour/call", {"arguments": {"api_key": MARK[::-1]}}),
        ("/api/reload", {}),
    ):
        yield f"{path} for {key[:8]}", (await client.post(path, json=body, headers=headers)).text
    listed = await client.get("/api/conversations", headers=headers | {"Accept": "application/json"})
    for conversation in listed.json().get("conversations", []):
        for form in ("markdown", "json"):
            path = f"/api/conversations/{conversation['id']}/export?format={form}"
            yield f"{form} for {key[:8]}", (await client.get(path, headers=headers)).text


async def test_no_secret_is_seen_in_what_a_server_says_and_logs(terminal: Terminal, engine: ScriptedOllama) -> None:
    log: list[str] = []
    async with serving(terminal, log) as url, httpx.AsyncClient(base_url=url, verify=False, timeout=30) as client:
        said = {place: text async for place, text in commands(terminal)}
        made = await terminal.mdsa("keys", "create", "laptop", "--scope", "admin", "--scope", "chat", **ENVIRON)
        (of_terminal,) = TERMINAL_SECRET.findall((terminal.folder / "data" / "server.json").read_text())
        of_laptop = made.out.strip()
        signed_in = await client.post("/sign-in", data={"key": of_laptop})
        (cookie,) = client.cookies.jar
        assert (signed_in.status_code, bool(cookie.value)) == (303, True)
        paths = addresses((await client.get("/schema/openapi.json")).json())
        for key in (of_terminal, of_laptop, f"{of_laptop}x", f"{MARK}-guessed"):
            said |= {place: text async for place, text in answers(client, key, paths)}
        # An engine that is gone is told of with its address.
        await engine.stop()
        said |= {f"{place}, gone": text async for place, text in answers(client, of_terminal, paths)}
    said["log"] = log[0]
    assert '"level": "debug"' in said["log"]
    assert "there is no tea" in said["log"] + said[f"/api/tools/pour/call for {of_terminal[:8]}"]
    # They are in force, and it is told that they are.
    assert "(hidden)" in said[f"/api/configuration for {of_terminal[:8]}"]
    assert "No answer from the engine" in said[f"/api/chat for {of_terminal[:8]}, gone"]
    assert seen(said, [of_laptop, of_terminal, cookie.value or ""]) == []
