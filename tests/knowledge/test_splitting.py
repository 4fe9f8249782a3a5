"""Pieces cover a document in order, fit the embedder, and know the headings that they stand below."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from mdsa_server.knowledge.embedded_text import in_context
from mdsa_server.knowledge.splitting import fitting_title, split
from mdsa_server.knowledge.token_count import Count, counter, estimate
from mdsa_server.vocabulary.documents import Heading, ReadDocument


def words(text: str) -> int:
    """Counts as embedders do: words in parts of at most four letters, marks for themselves, two around it all."""
    return 2 + len(re.findall(r"\w{1,4}|[^\w\s]", text))


@some.composite
def documents(draw: some.DrawFn) -> ReadDocument:
    """A document with headings and pages anywhere, also where no format would put them."""
    spaces = some.sampled_from([" ", "\n", "\n\n", "\t", "\n\n\n", "  ", "\u2028", "\xa0"])
    word = some.text(some.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12) | some.just("owl" * 30)
    text = "".join(draw(some.lists(some.one_of(word, word, spaces), max_size=120)))
    places = some.lists(some.integers(0, len(text)), unique=True, max_size=12).map(sorted)
    title = some.text(some.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30)
    headings = tuple(Heading(start, draw(some.integers(1, 4)), draw(title)) for start in draw(places))
    pages = (0, *draw(places)) if draw(some.booleans()) else ()
    return ReadDocument(title=draw(title), text=text, type="text", headings=headings, pages=pages)


counts = some.sampled_from([words, estimate])
sizes = some.integers(24, 200)
patient = settings(deadline=None)  # others may need the processor too
WIDE = ReadDocument(title="", text=" ".join("\n" * size + "owl" for size in range(60)), type="text")


@patient
@given(documents(), counts, sizes)
def test_pieces_are_in_order_and_do_not_overlap(document: ReadDocument, count: Count, most: int) -> None:
    end = 0
    for piece in split(document, count, most):
        assert end <= piece.start
        end = piece.end
    assert end <= len(document.text)


@patient
@given(documents(), counts, sizes)
@example(WIDE, words, 24)
def test_no_piece_is_empty_or_begins_or_ends_with_white_space(document: ReadDocument, count: Count, most: int) -> None:
    for piece in split(document, count, most):
        text = document.text[piece.start : piece.end]
        assert text
        assert text == text.strip()


@patient
@given(documents(), counts, sizes)
@example(WIDE, words, 24)
def test_pieces_cover_every_character_that_is_no_space(document: ReadDocument, count: Count, most: int) -> None:
    covered = {place for piece in split(document, count, most) for place in range(piece.start, piece.end)}
    missed = "".join(character for place, character in enumerate(document.text) if place not in covered)
    assert missed.strip() == ""


@patient
@given(documents(), counts, sizes)
@example(WIDE, words, 24)
def test_no_piece_exceeds_its_tokens_with_title_and_headings_before_it(
    document: ReadDocument, count: Count, most: int
) -> None:
    title = fitting_title(document.title, count, most)
    for piece in split(document, count, most):
        assert count(in_context(title, piece.heading, document.text[piece.start : piece.end])) <= most


@patient
@given(documents(), counts, sizes)
def test_title_and_headings_take_no_more_than_a_quarter(document: ReadDocument, count: Count, most: int) -> None:
    title = fitting_title(document.title, count, most)
    for piece in split(document, count, most):
        assert count(in_context(title, piece.heading, "")) <= most // 4 or not piece.heading


@patient
@given(documents(), counts, sizes)
def test_a_piece_tells_the_page_it_begins_on(document: ReadDocument, count: Count, most: int) -> None:
    for piece in split(document, count, most):
        begun = sum(1 for page in document.pages if page <= piece.start)
        assert piece.page == (begun or None)


def told(text: str, most: int = 60) -> list[tuple[str, tuple[str, ...]]]:
    """Split a text whose lines `# heading` are headings of that level."""
    headings = tuple(
        Heading(found.start(), len(found[1]), found[2]) for found in re.finditer(r"^(#+) (.*)$", text, re.MULTILINE)
    )
    document = ReadDocument(title="", text=text, type="markdown", headings=headings)
    return [(text[piece.start : piece.end], piece.heading) for piece in split(document, words, most)]


def long(word: str) -> str:
    """A paragraph that fills more than half of a passage of 60 tokens."""
    return f"{word} " * 34


def test_a_section_is_a_piece_below_its_headings() -> None:
    text = f"# Owls\n{long('owl')}\n## Eyes\n{long('eye')}\n# Mice\n{long('mouse')}"
    assert [heading for _, heading in told(text, 100)] == [("Owls",), ("Owls", "Eyes"), ("Mice",)]


def test_tiny_neighbours_below_one_parent_share_a_piece() -> None:
    text = "# Owls\n## Eyes\nlarge\n## Ears\nkeen\n## Beak\nbent"
    assert told(text, 100) == [(text, ("Owls",))]


def test_what_is_tiny_does_not_join_another_parents_section() -> None:
    text = f"# Owls\n{long('owl') * 2}\n## Eyes\nlarge\n# Mice\n{long('mice')}"
    assert told(text)[-2:] == [("## Eyes\nlarge", ("Owls", "Eyes")), (f"# Mice\n{long('mice')}".strip(), ("Mice",))]


def test_a_heading_with_nothing_below_it_begins_the_next_piece() -> None:
    text = f"# Owls\n\n## Eyes\n{long('eye')}"
    assert told(text, 80) == [(text.strip(), ("Owls", "Eyes"))]


def test_a_heading_with_nothing_below_it_is_no_piece_of_its_own() -> None:
    text = f"# Owls\n\n## Eyes\n\n{long('eye')}\n\n{long('eye')}"
    first, *others = told(text)
    assert first == (f"# Owls\n\n## Eyes\n\n{long('eye')}".strip(), ("Owls", "Eyes"))
    assert others


def test_a_heading_stays_with_what_it_is_about() -> None:
    text = f"# Owls\n\n{long('owl')}\n\n{long('owl')}"
    first, *others = [part for part, _ in told(text)]
    assert first.startswith("# Owls\n\nowl owl")
    assert others


def test_a_long_section_is_split_between_paragraphs() -> None:
    paragraphs = [long(word).strip() for word in ("owl", "eye", "ear")]
    assert [part for part, _ in told("\n\n".join(paragraphs))] == paragraphs


def test_endless_titles_and_headings_leave_room_for_the_text() -> None:
    heading = Heading(0, 1, "very " * 500)
    document = ReadDocument(title="long " * 500, text="owl " * 100, type="text", headings=(heading,))
    pieces = split(document, words, 64)
    assert len(pieces) < 8
    assert all(piece.heading[0].startswith("very very") for piece in pieces)


def test_the_innermost_of_many_headings_are_kept() -> None:
    headings = tuple(Heading(place, place + 1, f"heading {place}") for place in range(20))
    document = ReadDocument(title="owls", text=" " * 20 + "owl", type="text", headings=headings)
    assert split(document, words, 64)[0].heading == ("heading 17", "heading 18", "heading 19")


@pytest.mark.parametrize("words_of_title", [1, 40])
def test_a_first_heading_that_is_the_title_is_not_said_again_however_long_it_is(words_of_title: int) -> None:
    title = " ".join(["Owls"] * words_of_title)
    text = f"# {title}\n{long('owl')}\n## Eyes\n{long('eye')}"
    headings = (Heading(0, 1, title), Heading(text.index("## Eyes"), 2, "Eyes"))
    document = ReadDocument(title=title, text=text, type="markdown", headings=headings)
    assert list(dict.fromkeys(piece.heading for piece in split(document, words, 60))) == [(), ("Eyes",)]


def test_a_line_without_spaces_is_split_in_no_time(tokenizer: Path) -> None:
    document = ReadDocument(title="owls", text="x" * 300_000, type="text")
    assert len(split(document, counter(tokenizer, 128), 128)) == 300


def test_white_space_of_thousands_of_lengths_is_no_recursion() -> None:
    document = ReadDocument(title="", text="".join(f"{' ' * size}a" for size in range(2000)), type="text")
    assert len(split(document, estimate, 64)) > 100


@settings(deadline=None, max_examples=20)
@given(document=documents())
def test_all_of_this_holds_for_the_embedders_own_tokens(tokenizer_count: Count, document: ReadDocument) -> None:
    title = fitting_title(document.title, tokenizer_count, 64)
    pieces = split(document, tokenizer_count, 64)
    texts = [document.text[piece.start : piece.end] for piece in pieces]
    assert all(
        tokenizer_count(in_context(title, piece.heading, text)) <= 64 for piece, text in zip(pieces, texts, strict=True)
    )
    assert "".join("".join(texts).split()) == "".join(document.text.split())


@pytest.fixture(scope="module")
def tokenizer_count(tokenizer: Path) -> Count:
    return counter(tokenizer, 64)
