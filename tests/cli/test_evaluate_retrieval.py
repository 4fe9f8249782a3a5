"""`mdsa evaluate retrieval`: documents and questions from files, with the real embedding model."""

import json

from tests.cli.terminal import Terminal

TEXTS = {
    "pump": "Oil the bearing of the pump every week, with thin oil.",
    "stove": "Sweep the chimney of the stove once a year.",
    "roof": "Look for loose tiles on the roof after each storm.",
}
QUESTIONS = {"how is the bearing lubricated": ["pump"], "when is the chimney cleaned": ["stove"]}


def write(terminal: Terminal, questions: dict[str, list[str]]) -> None:
    terminal.configure("http://127.0.0.1:1")
    documents = [{"id": name, "title": name, "text": text} for name, text in TEXTS.items()]
    asked = [{"question": question, "relevant": relevant} for question, relevant in questions.items()]
    (terminal.folder / "d.jsonl").write_text("\n".join(map(json.dumps, documents)))
    (terminal.folder / "q.jsonl").write_text("\n".join(map(json.dumps, asked)))


ARGUMENTS = ("evaluate", "retrieval", "--documents", "d.jsonl", "--questions", "q.jsonl")


async def test_each_stage_is_measured_and_a_floor_is_held_to(terminal: Terminal) -> None:
    write(terminal, QUESTIONS)
    done = await terminal.mdsa(*ARGUMENTS, "--json", "--floor", "0.9")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert list(told)[:2] == ["ndcg10", "recall10"]
    assert told["ndcg10"]["fusion"] == told["recall10"]["vector"] == 1.0
    assert (told["questions"], told["documents"], told["missed"]) == (2, 3, [])

    write(terminal, QUESTIONS | {"what is for dinner": ["roof"]})
    done = await terminal.mdsa(*ARGUMENTS, "--whole", "--floor", "0.99")
    assert done.code == 1
    assert "below 0.99" in done.err
    assert "3 questions of 3 documents, in 3 passages" in done.out
    assert "nDCG@10" in done.out


async def test_faulty_lines_are_told_with_their_places(terminal: Terminal) -> None:
    write(terminal, {"how": ["nowhere"], "why": []})
    done = await terminal.mdsa(*ARGUMENTS)
    assert done.code == 2
    assert "q.jsonl:1: names documents that are not there: nowhere" in done.err
    assert "q.jsonl:2: has no question, or no relevant document" in done.err
