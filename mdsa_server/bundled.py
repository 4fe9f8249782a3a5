"""Where the files that come with the server lie: in an installed wheel, else in the checkout."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def templates() -> Path:
    """The folder of the pages' templates."""
    return _place("templates")


def static() -> Path:
    """The folder of style sheets, scripts and icons."""
    return _place("static")


def plugins() -> Path:
    """The folder of the first-party plugins."""
    return _place("plugins")


def docs() -> Path:
    """The folder of the user's guide and of the published schema."""
    return _place("docs")


def reference_configuration() -> Path:
    """The shipped `mdsa.toml`: every key with its default; in force where no other is."""
    return _place("mdsa.toml")


def _place(name: str) -> Path:
    # Beside this file and not by importlib.resources: an editable install would find stale copies.
    in_wheel = PACKAGE / "_bundled" / name
    return in_wheel if in_wheel.exists() else PACKAGE.parent / name
