"""A file to start from: the shipped domains, with models that the engine has."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mdsa_server.configuration.checks import in_gigabytes
from mdsa_server.inference.model_choice import able_to_chat, by_preference
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.models import InstalledModel
from mdsa_server.vocabulary.toml_text import toml

HEAD = """\
#:schema {schema}
#
# The configuration of MDSA Server, to start from. What is not written here has its default;
# the reference explains every key: {reference}
# After a change: `mdsa check`, then `mdsa reload` for domains and routing, else a restart.


[engine]

# The model of every domain that names none. "auto" takes a resident, else an installed one.
{models}default_model = {default_model}


[routing]

# The domain that answers when no router is sure enough.
fallback = "general"


# Documents of yours: take some in with `mdsa documents add PATH --collection manuals`, and write in a domain's table
# below  collections = ["manuals"]  or  folders = ["docs"], which are taken in by themselves. How they are read and
# searched is for [knowledge] to say: the reference has its keys.


"""


@dataclass(frozen=True)
class Suggestion:
    """Which of the engine's models to use for what."""

    default_model: str = "auto"
    code_model: str | None = None
    """A model made for code; None where there is none, or it is the only one."""


async def chat_models(url: str) -> list[InstalledModel]:
    """List the chat models of an engine, resident ones first. Raises EngineError."""
    client = OllamaClient(url)
    try:
        installed = {model.name: model for model in await client.installed()}
        names = by_preference(await client.resident(), list(installed.values()))
        known = [name for name in names if name in installed]
        return [installed[name] async for name in able_to_chat(client, known)]
    finally:
        await client.close()


def suggest(models: Sequence[InstalledModel]) -> Suggestion:
    """Choose among chat models, best first: one for code by its name, another for the rest."""
    coders = [model.name for model in models if "code" in model.name.casefold()]
    others = [model.name for model in models if model.name not in coders]
    if not coders or not others:
        return Suggestion()
    return Suggestion(default_model=others[0], code_model=coders[0])


def starter(models: Sequence[InstalledModel], suggestion: Suggestion, *, reference: Path, schema: Path) -> str:
    """Write the file's text; the domains come from `reference`, the shipped `mdsa.toml`."""
    width = max((len(model.name) for model in models), default=0)
    listed = "".join(f"#   {model.name:<{width}}  {in_gigabytes(model.size)}\n" for model in models)
    head = HEAD.format(
        schema=schema.as_uri(),
        reference=reference,
        models=f"# The engine has these chat models:\n{listed}" if listed else "",
        default_model=toml(suggestion.default_model),
    )
    domains = _domains(reference.read_text("utf-8"))
    if suggestion.code_model:
        named = f"[domains.code]\nmodel = {toml(suggestion.code_model)}\n"
        domains = domains.replace("[domains.code]\n", named, 1)
    return head + domains


def _domains(reference: str) -> str:
    """Cut out the domains, from the comment above the first of them."""
    before = reference.index("\n[domains.")
    return reference[reference.rindex("\n\n", 0, before) + 2 :]
