"""Of a Word document are read paragraphs and tables in their order, and headings by their styles."""

import io
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.formats.docx import read_docx
from tests.knowledge.making import docx, docx_bomb, docx_of

SPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def owls(document: Any) -> None:
    document.add_paragraph("All about owls", style="Title")
    document.add_heading("Owls", 1)
    document.add_paragraph("They see well.")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Kind", "Weight", "Barn\nowl", "300 g"), strict=True):
        cell.text = text
    document.add_heading("Eyes", 2)
    document.add_paragraph("Large.", style="List Bullet")


def test_paragraphs_and_tables_are_read_in_order() -> None:
    assert read_docx(docx(owls), "name").text == (
        "All about owls\n\nOwls\n\nThey see well.\n\nKind | Weight\nBarn owl | 300 g\n\nEyes\n\nLarge.\n\n"
    )


def test_headings_have_their_level_and_place() -> None:
    document = read_docx(docx(owls), "name")
    assert [(each.level, each.text) for each in document.headings] == [(1, "Owls"), (2, "Eyes")]
    assert all(document.text.startswith(each.text, each.start) for each in document.headings)


def test_a_style_that_is_based_on_a_heading_makes_headings() -> None:
    def write(document: Any) -> None:
        style = document.styles.add_style("Kapitel", WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Heading 2"]
        document.add_paragraph("Eulen", style="Kapitel")

    assert [(each.level, each.text) for each in read_docx(docx(write), "name").headings] == [(2, "Eulen")]


def test_the_title_is_the_files_own_or_its_title_paragraph_or_the_name() -> None:
    def titled(document: Any) -> None:
        owls(document)
        document.core_properties.title = "Owls of Europe"

    assert read_docx(docx(titled), "name").title == "Owls of Europe"
    assert read_docx(docx(owls), "name").title == "All about owls"
    assert read_docx(docx(lambda document: document.add_paragraph("text")), "name").title == "name"


def test_content_controls_and_insertions_are_read_and_deletions_are_not() -> None:
    def write(document: Any) -> None:
        document.element.body.insert(
            0,
            parse_xml(
                f"<w:sdt {SPACE}><w:sdtContent><w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
                "<w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p></w:sdtContent></w:sdt>"
            ),
        )

    assert read_docx(docx(write), "name").text.strip() == "new"


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(DocumentUnreadable, match="unpacks to 4"):
        read_docx(docx_bomb(400_000_000), "name")


def test_what_is_no_word_document_is_said_to_be_damaged() -> None:
    other = io.BytesIO()
    with ZipFile(other, "w", ZIP_DEFLATED) as archive:
        archive.writestr("hello.txt", "hello")
    for content in (b"PK\x03\x04 and then nothing", other.getvalue(), docx(owls)[:2000], b""):
        with pytest.raises(DocumentUnreadable, match="is damaged, or no Word document"):
            read_docx(content, "name")


def test_xml_with_entities_that_grow_is_refused() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    xml = (
        f'<!DOCTYPE x [<!ENTITY e0 "owl">{entities}]><w:document {SPACE}><w:body><w:p><w:r><w:t>&e8;</w:t></w:r></w:p>'
    )
    try:
        text = read_docx(docx_of(f"{xml}</w:body></w:document>"), "name").text
    except DocumentUnreadable:
        text = ""
    assert len(text) < 1000


def test_nothing_of_the_machine_is_read_into_a_document(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush", "utf-8")
    xml = (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">]><w:document {SPACE}><w:body>'
        "<w:p><w:r><w:t>Owls</w:t></w:r></w:p><w:p><w:r><w:t>&e;</w:t></w:r></w:p></w:body></w:document>"
    )
    assert read_docx(docx_of(xml), "name").text.strip() == "Owls"


def test_what_is_nested_without_an_end_is_said_to_be_damaged() -> None:
    deep = f"<w:document {SPACE}><w:body>{'<w:p>' * 100_000}{'</w:p>' * 100_000}</w:body></w:document>"
    with pytest.raises(DocumentUnreadable, match="is damaged"):
        read_docx(docx_of(deep), "name")
