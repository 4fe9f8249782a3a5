"""Of HTML is read what a person sees of the page, without what surrounds it on every page."""

from mdsa_server.knowledge.formats.html import read_html
from mdsa_server.vocabulary.documents import ReadDocument

PAGE = """<!doctype html><html><head><title>Owls &amp; more</title><style>p {color: red}</style></head>
<body><nav><a href="/">Home</a></nav><header>My site</header>
<main><header><h1>Owls</h1></header>
<p>They   see
<b>well</b>.<br>And hear.</p>
<div hidden>secret</div><p style="display: none">secret</p><!-- secret --><script>secret()</script>
<h2>Kinds <i>of</i> owl</h2>
<ul><li>Barn owl</li><li>Tawny owl</li></ul>
<table><tr><th>Kind</th><th>Weight</th></tr><tr><td>Barn owl</td><td>300 g</td></tr></table>
<pre>a
  b</pre>
</main><aside>Advertising</aside><footer>Imprint</footer></body></html>"""

TEXT = """Owls

They see well.
And hear.

Kinds of owl

- Barn owl
- Tawny owl

Kind | Weight
Barn owl | 300 g

a
  b"""


def read(page: str) -> ReadDocument:
    return read_html(page.encode(), "name")


def test_what_is_seen_of_a_page_is_read_in_blocks() -> None:
    assert read(PAGE).text == TEXT


def test_headings_have_their_level_and_place() -> None:
    document = read(PAGE)
    assert [(each.level, each.text) for each in document.headings] == [(1, "Owls"), (2, "Kinds of owl")]
    assert all(document.text.startswith(each.text, each.start) for each in document.headings)


def test_the_title_is_the_pages_or_its_first_heading_or_the_name() -> None:
    assert read(PAGE).title == "Owls & more"
    assert read("<h2>Owls</h2>").title == "Owls"
    assert read("<p>Owls").title == "name"


def test_a_page_that_is_all_navigation_is_read_rather_than_nothing() -> None:
    assert read("<nav><p>All <a>of it</a>").text == "All of it"


def test_words_that_no_block_divides_stay_together() -> None:
    assert read("<p>O<b>w</b>l <span> s</span></p>").text == "Owl s"


def test_a_page_is_decoded_as_it_declares() -> None:
    page = '<meta charset="windows-1251"><p>Совы'.encode("windows-1251")
    assert read_html(page, "name").text == "Совы"


def test_a_page_that_declares_nonsense_is_read_all_the_same() -> None:
    assert read_html('<meta charset="rot13"><p>Käuze'.encode(), "name").text == "Käuze"


def test_no_reference_to_a_character_smuggles_a_control_character_in() -> None:
    assert read("<p>a&#7;b&#xD800;c&#13;d").text == "a b\ufffdc d"


def test_nesting_of_thousands_is_no_recursion() -> None:
    assert read("<div>" * 3000 + "deep").text == "deep"
