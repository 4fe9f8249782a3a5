"""Schemathesis put to a running server: what it sends for each operation of the API, and what it finds wrong."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.engine import events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER, HookContext
from schemathesis.schemas import BaseSchema

from mdsa_server.web.api.operations import EVENTS

SEED = 1
EXAMPLES = int(os.environ.get("MDSA_FUZZ_EXAMPLES", "3"))
"""How many requests are made up for each operation, besides those that follow from its description."""
PHASES = ("examples", "coverage", "fuzzing")
UNFIT_CHECKS = {
    # What is well formed may name a domain, a moment or a file that there is not: that is told with 400, 404 or 422.
    "positive_data_acceptance",
    # Litestar answers OPTIONS by itself, with the methods of one of the controllers that share a path.
    "allow_header_conformance",
}

Findings = dict[str, str]
"""What is wrong, by the operation, the check and the status; each with a request that shows it."""


class Fuzzing:
    """Requests for every operation that a server describes, all the same ones each time."""

    def __init__(self, url: str, described: dict[str, Any], nowhere: Path, spared: Collection[str] = ()) -> None:
        """`nowhere` is put before each path that a request names: files of this machine are not the test's.

        `spared` are the ids of access keys that no request may name: what is learnt from answers is sent, too.
        """
        self._url = url
        self._described = _without_streams(described)
        self._nowhere = nowhere
        self._spared = spared

    def findings(self, headers: dict[str, str], examples: int = EXAMPLES) -> Findings:
        """Send all requests with these headers, and give what an answer shows to be wrong."""
        found: Findings = {}
        sent: set[str | None] = set()
        # Only for all schemas at once may a hook see what is about to be sent.
        GLOBAL_HOOK_DISPATCHER.register_hook_with_name(self._lead_nowhere, "before_call")
        try:
            for event in from_schema(self._schema(headers, examples)).execute():
                match event:
                    case events.NonFatalError():
                        found[f"{event.label}: no requests"] = str(event.value)
                    case events.FatalError():
                        raise event.exception
                    case events.ScenarioFinished():
                        sent |= {event.label} if event.recorder.interactions else set()
                        found |= _wrong_in(event)
        finally:
            GLOBAL_HOOK_DISPATCHER.unregister(self._lead_nowhere)
        return found | {f"{left_out}: no requests": "" for left_out in self._operations() - sent}

    def _operations(self) -> set[str]:
        return {
            f"{method.upper()} {path}"
            for path, operations in self._described["paths"].items()
            for method in operations.keys() & {"get", "post", "patch", "put", "delete"}
        }

    def _schema(self, headers: dict[str, str], examples: int) -> BaseSchema:
        config = schemathesis.Config.from_dict(
            {
                "seed": SEED,
                "headers": headers,
                "request-timeout": 60,
                "continue-on-failure": True,
                "checks": {name: {"enabled": False} for name in UNFIT_CHECKS},
                "generation": {"max-examples": examples, "deterministic": True, "no-shrink": True},
                "operations": [
                    {
                        "include-operation-id": "UploadDocuments",
                        # In a form all is text: what was meant as a number is a name all the same.
                        "checks": {"negative_data_rejection": {"enabled": False}},
                    }
                ],
                "phases": {name: {"enabled": name in PHASES} for name in (*PHASES, "stateful")},
            }
        )
        schema = schemathesis.openapi.from_dict(self._described, config=config)
        schema.config.update(base_url=self._url)
        return schema

    def _lead_nowhere(self, context: HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
        if case.path_parameters.get("key") in self._spared:
            case.path_parameters["key"] = "spared"
        body: Any = case.body
        if isinstance(body, dict):
            if isinstance(body.get("paths"), list):
                body["paths"] = [self._moved(path) for path in body["paths"]]
            if "folder" in body:
                body["folder"] = self._moved(body["folder"])

    def _moved(self, path: Any) -> Any:
        return f"{self._nowhere}/{path}" if isinstance(path, str) and path[:1] in ("/", "~") else path


def _wrong_in(event: events.ScenarioFinished) -> Findings:
    wrong = {}
    for identifier, checks in event.recorder.checks.items():
        interaction = event.recorder.interactions.get(identifier)
        status = interaction.response.status_code if interaction and interaction.response else "no answer"
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                place = f"{event.label}: {check.name}, {status}: {failure.title}"
                wrong[place] = f"{failure.message}\n{check.failure_info.code_sample}"
    return wrong


def _without_streams(described: Any) -> Any:
    """Leave out what a stream of events is: OpenAPI describes the whole of it, and Schemathesis compares each event."""
    if isinstance(described, dict):
        return {name: {} if name == EVENTS else _without_streams(value) for name, value in described.items()}
    if isinstance(described, list):
        return [_without_streams(value) for value in described]
    return described
