"""What people type into a search, as a query that SQLite's FTS5 takes: their words, and nothing of its language."""

MOST_WORDS = 24


def match_of(typed: str) -> str | None:
    """Ask for what has each word, or a word that begins with it, in any case; None where no word is in it.

    Words are quoted, so that none is an operator of FTS5 (https://sqlite.org/fts5.html, section 3); of very many the
    first count. ß and ss are the same, which they are not to FTS5.
    """
    words = [word for word in typed.replace("\0", " ").split() if any(map(str.isalnum, word))]
    return " AND ".join(map(_beginning, words[:MOST_WORDS])) or None


def _beginning(word: str) -> str:
    spelt = dict.fromkeys((word, word.replace("ß", "ss"), word.casefold().replace("ss", "ß")))
    quoted = ['"{}"*'.format(one.replace('"', '""')) for one in spelt]
    return f"({' OR '.join(quoted)})"
