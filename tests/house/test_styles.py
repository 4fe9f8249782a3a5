"""Each page links the styles of what it shows: a class that some style knows is known by one that the page links.

Classes that begin with `is-` say in what state something is, and mean nothing without its own.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES, STATIC = ROOT / "templates", ROOT / "static"
PAGES = sorted(path.name for path in (TEMPLATES / "pages").glob("*.html"))

LINKED = re.compile(r"""asset\('(\w+\.css)'\)""")
TAKEN_IN = re.compile(r"""{%-?\s*(?:include|extends|from)\s+"([\w/.]+)\"""")
CLASSES = re.compile(r"""class="([^"]*)\"""")
SELECTOR = re.compile(r"\.(-?[a-z][\w-]*)")
# HTMX puts the one where something is asked for; the other is Swagger UI's.
FOREIGN = {"htmx-request", "scheme-container"}


def whole(template: str, seen: set[str] | None = None) -> str:
    """Give a template with the text of all that it takes in."""
    seen = set() if seen is None else seen
    if template in seen:
        return ""
    seen.add(template)
    text = (TEMPLATES / template).read_text("utf-8")
    return text + "".join(whole(name, seen) for name in TAKEN_IN.findall(text))


def classes_of(style: Path) -> set[str]:
    """Give the classes that the selectors of a style name."""
    css = re.sub(r"/\*.*?\*/", "", style.read_text("utf-8"), flags=re.S)
    selectors = " ".join(re.split(r"{[^{}]*}", css))
    return {name for name in SELECTOR.findall(selectors) if not name.startswith("is-")} - FOREIGN


STYLES = {style.name: classes_of(style) for style in STATIC.glob("*.css") if style.name != "report.css"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_links_the_styles_of_what_it_shows(page: str) -> None:
    text = whole(f"pages/{page}")
    linked = set().union(*(STYLES[name] for name in LINKED.findall(text)))
    known = set().union(*STYLES.values())
    # What is put in by the template itself, as `is-{{ state }}`, is left out.
    used = {name for value in CLASSES.findall(text) for name in re.sub(r"{[{%].*?[%}]}", " ", value).split()}
    assert sorted(used & known - linked) == []


def test_no_style_is_left_over() -> None:
    texts = [path.read_text("utf-8") for path in [*TEMPLATES.rglob("*.html"), *STATIC.glob("*.js")]]
    texts += [path.read_text("utf-8") for path in (ROOT / "mdsa_server" / "web").rglob("*.py")]
    used = " ".join(texts)
    left = {name: sorted(one for one in classes if one not in used) for name, classes in STYLES.items()}
    assert {name: classes for name, classes in left.items() if classes} == {}
