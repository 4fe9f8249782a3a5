"""Of a PDF are read its pages, its title and its outline; where it has no text, why."""

import zlib

import pytest

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.formats.pdf import read_pdf
from tests.knowledge.making import pdf

OWLS = "Owls\nThey see well."
EYES = "Page 2\n1 Large  eyes\nLike tubes."


def test_each_page_begins_at_its_offset() -> None:
    document = read_pdf(pdf(OWLS, "", EYES), "name")
    assert document.text == "Owls\nThey see well.\n\nPage 2\n1 Large  eyes\nLike tubes.\n\n"
    assert document.pages == (0, document.text.index("Page 2"), document.text.index("Page 2"))


def test_the_outlines_entries_are_headings_where_their_words_stand() -> None:
    document = read_pdf(pdf(OWLS, EYES, outline=(("Owls", 0), ("large eyes", 1))), "name")
    assert [(each.start, each.text) for each in document.headings] == [
        (0, "Owls"),
        (document.text.index("1 Large"), "large eyes"),
    ]


def test_an_entry_whose_words_are_not_on_its_page_stands_at_the_pages_beginning() -> None:
    document = read_pdf(pdf(OWLS, EYES, outline=(("Sight", 1),)), "name")
    assert [each.start for each in document.headings] == [document.pages[1]]


def test_the_title_is_the_files_own_or_the_name() -> None:
    assert read_pdf(pdf(OWLS, title="All about owls"), "name").title == "All about owls"
    assert read_pdf(pdf(OWLS, title="Microsoft Word - Document1"), "name").title == "name"
    assert read_pdf(pdf(OWLS), "name").title == "name"


def test_a_scanned_pdf_says_that_its_pages_are_pictures() -> None:
    with pytest.raises(DocumentUnreadable, match="no text on its 2 pages") as caught:
        read_pdf(pdf("", ""), "name")
    assert "OCR" in caught.value.mend


def test_an_encrypted_pdf_says_that_it_needs_a_password() -> None:
    with pytest.raises(DocumentUnreadable, match="is encrypted"):
        read_pdf(pdf(OWLS, password="secret"), "name")


def test_a_page_that_unpacks_to_hundreds_of_megabytes_is_refused() -> None:
    with pytest.raises(DocumentUnreadable, match="unpacks to more"):
        read_pdf(pdf(zlib.compress(bytes(300_000_000))), "name")


def test_a_stream_that_is_packed_twice_is_refused_when_it_unpacks_to_too_much() -> None:
    packed = zlib.compress(zlib.compress(bytes(300_000_000), 9), 9)
    whole = pdf(packed).replace(b"/FlateDecode >>", b"[/FlateDecode /FlateDecode] >>")
    with pytest.raises(DocumentUnreadable, match="unpacks to more"):
        read_pdf(whole, "name")


def test_more_pages_than_a_document_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdsa_server.knowledge.formats.pdf.MOST_PAGES", 2)
    assert len(read_pdf(pdf(OWLS, EYES), "name").pages) == 2
    with pytest.raises(DocumentUnreadable, match="more than the 2 pages"):
        read_pdf(pdf(OWLS, EYES, OWLS), "name")


def test_pages_that_lead_back_to_themselves_are_refused() -> None:
    with pytest.raises(DocumentUnreadable, match="is damaged"):
        read_pdf(pdf(OWLS).replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]"), "name")


def test_how_many_pages_a_file_says_it_has_is_not_believed() -> None:
    said = pdf(OWLS).replace(b"/Count 1 ", b"/Count 2000000000 ")
    assert read_pdf(said, "name").text.startswith("Owls")


@pytest.mark.parametrize("content", [b"%PDF-1.7\n" + bytes(range(256)) * 40, pdf(OWLS)[:300], b"%PDF-"])
def test_garbage_is_said_to_be_damaged(content: bytes) -> None:
    with pytest.raises(DocumentUnreadable, match="is damaged, or no PDF"):
        read_pdf(content, "name")
