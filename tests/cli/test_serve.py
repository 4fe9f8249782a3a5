"""`mdsa serve` and `mdsa reload`: starting, ending, and what is said when it cannot be."""

import asyncio
import json
import signal
import socket
import sys

import httpx
import pytest

from mdsa_server.cli.turns import STREAM
from tests.cli.terminal import PATIENCE_SECONDS, Running, Terminal
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer

not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals for one process")


async def address(command: Running) -> str:
    """Wait for the banner and give the address it names."""
    banner = await command.prints("Ctrl-C stops the server.")
    return next(line.split()[1] for line in banner.splitlines() if line.startswith("  pages"))


@not_on_windows
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_server_tells_its_address_answers_there_and_ends_cleanly(
    terminal: Terminal, number: signal.Signals
) -> None:
    async with terminal.running("serve", "--port", "0") as command:
        url = await address(command)
        assert json.loads((terminal.folder / "data" / "server.json").read_text())["url"] == url
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/health/live")).json() == {"status": "live", "store": "ok"}
        command.signal(number)
        done = await command.ends()
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert not (terminal.folder / "data" / "server.json").exists()


@not_on_windows
async def test_the_wait_for_running_turns_is_told_before_it_begins(
    terminal: Terminal, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    model.says = ["Once", asyncio.Event()]
    async with terminal.running("serve", MDSA_LOGGING__FORMAT="json") as command:
        url = await address(command)
        async with (
            httpx.AsyncClient(base_url=url) as client,
            client.stream("POST", "/api/chat", json={"message": "hi"}, headers=STREAM) as response,
        ):
            async for line in response.aiter_lines():
                if line == "event: token":
                    break
            command.signal(signal.SIGTERM)
            done = await command.ends()
    told = [json.loads(line) for line in done.err.splitlines() if "running turns" in line]
    assert [(line["level"], line["turns"], line["seconds"]) for line in told] == [("info", 1, 0.5)], done.err


@not_on_windows
async def test_an_open_monitor_ends_with_the_server_and_holds_it_up_no_longer(terminal: Terminal) -> None:
    async with terminal.running("serve", MDSA_LOGGING__FORMAT="json") as command:
        url = await address(command)
        async with httpx.AsyncClient(base_url=url) as client, client.stream("GET", "/monitor/stream") as response:
            told = response.aiter_bytes()
            await anext(told)
            command.signal(signal.SIGTERM)
            async for _ in told:
                pass
            done = await command.ends()
    assert done.code == 0, done.err
    assert "graceful shutdown exceeded" not in done.err
    assert "Traceback" not in done.err


async def test_the_banner_says_what_runs(terminal: Terminal, engine: ScriptedOllama) -> None:
    async with terminal.running("serve", "--data", "elsewhere") as command:
        banner = await command.prints("Ctrl-C stops the server.")
    for words in (
        f"Ollama 0.9.3 at {engine.url}, default model scripted:1b",
        "general, code",
        str(terminal.folder / "mdsa.toml"),
        str(terminal.folder / "elsewhere"),
    ):
        assert words in banner


async def test_the_banner_says_what_is_missing(terminal: Terminal) -> None:
    terminal.configure("http://127.0.0.1:9")
    async with terminal.running("serve") as command:
        banner = await command.prints("Ctrl-C stops the server.")
    assert "No Ollama answers at http://127.0.0.1:9" in banner
    assert "ollama serve" in banner


async def test_all_faults_are_listed_and_end_with_2(terminal: Terminal) -> None:
    terminal.configure("ftp://nowhere", more='colour = "red"\n')
    done = await terminal.mdsa("serve", MDSA_SERVER__HOST="nosuch.invalid")
    assert (done.code, done.out) == (2, "")
    for place in ("mdsa.toml:4: engine.url", "domains.code.colour", "MDSA_SERVER__HOST"):
        assert place in done.err


async def test_other_machines_are_let_in_only_once_there_is_a_key(terminal: Terminal, engine: ScriptedOllama) -> None:
    refused = await terminal.mdsa("serve", "--host", "0.0.0.0")
    assert (refused.code, refused.out) == (2, "")
    assert "server.host" in refused.err
    assert "mdsa keys create" in refused.err

    made = await terminal.mdsa("keys", "create", "laptop")
    async with terminal.running("serve", "--host", "0.0.0.0") as command:
        url = await address(command)
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/api/conversations")).status_code == 401
            bearer = {"Authorization": f"Bearer {made.out.strip()}"}
            assert (await client.get("/api/conversations", headers=bearer)).status_code == 200
        # The last key goes, and still nobody is let in but this machine's terminal.
        assert "no number of days" in (await terminal.mdsa("keys", "create", "other", "--days", "nan")).err
        assert "id or its name" in (await terminal.mdsa("keys", "revoke", made.out.strip())).err
        revoked = await terminal.mdsa("keys", "revoke", "laptop")
        assert ("opens nothing" in revoked.out, "No key is left" in revoked.err) == (True, True)
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/api/conversations")).status_code == 401
        assert "revoked" in (await terminal.mdsa("keys", "list")).out


async def test_faults_that_plugins_show_are_listed_with_those_of_the_file(terminal: Terminal) -> None:
    terminal.configure("ftp://nowhere", more='tools = ["teleport"]\n')
    done = await terminal.mdsa("serve")
    assert (done.code, done.out) == (2, "")
    assert "mdsa.toml:4: engine.url" in done.err
    assert "domains.code.tools" in done.err


async def test_a_host_that_is_no_ones_name_is_told(terminal: Terminal) -> None:
    done = await terminal.mdsa("serve", "--host", "nosuch.invalid")
    assert done.code == 2
    assert '"nosuch.invalid" cannot be resolved' in done.err


async def test_a_port_that_is_in_use_is_told(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = await terminal.mdsa("serve", "--port", str(taken.getsockname()[1]))
    assert done.code == 1
    assert "The port is in use" in done.err
    assert "--port 0" in done.err


async def test_a_folder_that_is_in_use_is_told_with_its_server(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("serve", "--port", "0")
    assert done.code == 1
    assert f"a server at {server.url}" in done.err
    assert "--data" in done.err


async def test_a_changed_configuration_is_read_again(
    terminal: Terminal, server: RunningServer, engine: ScriptedOllama
) -> None:
    terminal.configure(engine.url, more='[domains.maths]\ndescription = "Sums"\n')
    done = await terminal.mdsa("reload")
    assert (done.code, done.out) == (0, "Read again. Domains: general, code, maths.\n")


async def test_what_a_reload_leaves_to_a_restart_and_what_may_not_work_is_told_line_by_line(
    terminal: Terminal, server: RunningServer, engine: ScriptedOllama
) -> None:
    terminal.configure(engine.url, more='model = "absent:1b"\n[logging]\nlevel = "debug"\n')
    done = await terminal.mdsa("reload")
    first, restart, warning = done.out.splitlines()
    assert (done.code, first) == (0, "Read again. Domains: general, code.")
    assert restart == "  logging.level has changed too: restart the server to have it taken up."
    assert "absent:1b" in warning


async def test_faults_keep_the_configuration_as_it_was(terminal: Terminal, server: RunningServer) -> None:
    good = (terminal.folder / "mdsa.toml").read_text()
    terminal.configure("http://127.0.0.1:9", more='colour = 1\ntools = ["teleport"]\n')
    faulty = (terminal.folder / "mdsa.toml").read_text()
    # The command itself reads the good file, the server the faulty one.
    (terminal.folder / "good.toml").write_text(good)
    assert faulty != good
    done = await terminal.mdsa("reload", "--config", "good.toml")
    assert done.code == 2
    assert "domains.code.colour" in done.err
    assert "domains.code.tools" in done.err
    domains = (await server.client.get("/api/domains")).json()
    assert [domain["name"] for domain in domains] == ["general", "code"]


async def test_there_is_nothing_to_reload_without_a_server(terminal: Terminal) -> None:
    done = await terminal.mdsa("reload")
    assert done.code == 1
    assert "No server is running" in done.err
    assert "mdsa serve" in done.err


@not_on_windows
async def test_a_hang_up_signal_has_the_configuration_read_again(terminal: Terminal, engine: ScriptedOllama) -> None:
    async with terminal.running("serve", MDSA_LOGGING__FORMAT="json") as command:
        url = await address(command)
        terminal.configure(engine.url, more='[domains.maths]\ndescription = "Sums"\n')
        command.signal(signal.SIGHUP)
        async with httpx.AsyncClient(base_url=url) as client, asyncio.timeout(PATIENCE_SECONDS):
            while "maths" not in (await client.get("/api/domains")).text:
                pass
        command.signal(signal.SIGTERM)
        assert (await command.ends()).code == 0
