"""What an answer in the terminal rests on, and what had to be left out of its prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mdsa_server.vocabulary.citations import cited

if TYPE_CHECKING:
    from mdsa_server.vocabulary.passages import Passage


class Sources:
    """Grows by the events of a turn, as the stream gives them."""

    def __init__(self) -> None:
        self._found: list[dict[str, Any]] = []
        self._faults: list[str] = []
        self._given: dict[int, dict[str, Any]] = {}
        self._trimmed: dict[str, Any] | None = None
        self._overran: dict[str, Any] | None = None
        self._called = False
        self._answer: list[str] = []

    def tell(self, name: str, event: dict[str, Any]) -> None:
        match name:
            case "passages_found":
                self._found, self._faults = event["passages"], event["faults"]
            case "context_trimmed":
                self._trimmed = event
            case "prompt_assembled":
                self._given |= {given["number"]: given for given in event["passages"]}
            case "prompt_refused" if not self._called:
                self._given.clear()
            case "prompt_overran":
                self._overran = event
            case "tool_called":
                self._called = True
            case "token":
                self._answer.append(event["text"])

    def lines(self) -> list[str]:
        """Give the sources that the answer cites, a line each, and then what was left out or not searched."""
        numbers = sorted(cited("".join(self._answer), self._given))
        lines = [f"[{number}] {_place(self._passage(number))}" for number in numbers]
        if self._trimmed:
            lines.append(_left_out(self._trimmed))
        if self._overran:
            counted, context = self._overran["counted"], self._overran["context"]
            lines.append(
                f"the engine may have cut the prompt: it counted {counted} tokens, and the model holds {context}"
            )
        return lines + [f"not everything could be searched: {fault}" for fault in self._faults]

    def _passage(self, number: int) -> Passage:
        import msgspec

        from mdsa_server.vocabulary.passages import GivenPassage, Passage

        found = msgspec.convert(self._found, tuple[Passage, ...])
        return msgspec.convert(self._given[number], GivenPassage).of(found)


def _place(passage: Passage) -> str:
    """Say where a passage stands: `The pump · pump.md, page 3 · Care > Weekly`."""
    page = f", page {passage.page}" if passage.page is not None else ""
    title = passage.title if passage.title != passage.source else ""
    return " · ".join(part for part in (title, f"{passage.source}{page}", " > ".join(passage.heading)) if part)


def _left_out(trimmed: dict[str, Any]) -> str:
    parts = [
        f"{count} {noun}{'' if count == 1 else 's'} {what}"
        for count, noun, what in (
            (trimmed["turns"], "earlier turn", "left out"),
            (trimmed["passages"], "passage", "left out"),
            (trimmed["shortened"], "passage", "shortened"),
        )
        if count
    ]
    return f"{', '.join(parts)}: the model holds {trimmed['context']} tokens"
