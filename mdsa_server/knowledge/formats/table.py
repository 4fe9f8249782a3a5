"""Tables in CSV: each row names its columns, so that it can be understood alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from mdsa_server.knowledge.formats.characters import one_line
from mdsa_server.vocabulary.documents import ReadDocument

SAMPLE = 16_384
DELIMITERS = ",;\t|"
LONGEST_NAME = 80


def read_table(text: str, name: str) -> ReadDocument:
    """Each row becomes lines `column: value`, without the empty ones, and a blank line; a broken table stays text."""
    try:
        rows = _rows(text, _dialect(text))
        lines = "\n\n".join(_described(rows))
    except csv.Error:
        # A cell longer than the csv module takes, most likely behind a quote that nothing closes.
        return ReadDocument(title=name, text=text, type="text")
    return ReadDocument(title=name, text=lines, type="csv")


def _dialect(text: str) -> type[csv.Dialect]:
    sample = text[:SAMPLE]
    if len(text) > SAMPLE:
        sample = sample.rpartition("\n")[0] or sample
    try:
        return csv.Sniffer().sniff(sample, DELIMITERS)
    except csv.Error:
        first = sample.partition("\n")[0]

        class Likely(csv.excel):
            delimiter = max(DELIMITERS, key=first.count)

        return Likely


def _rows(text: str, dialect: type[csv.Dialect]) -> Iterator[list[str]]:
    for row in csv.reader(io.StringIO(text, newline=""), dialect):
        cells = [" ".join(cell.split()) for cell in row]
        if any(cells):
            yield cells


def _described(rows: Iterator[list[str]]) -> Iterator[str]:
    first = next(rows, None)
    if first is None:
        return
    second = next(rows, None)
    follow = [] if second is None else [second]
    if second is not None and _are_names(first):
        columns, rest = [one_line(cell, LONGEST_NAME) for cell in first], chain(follow, rows)
    else:
        columns, rest = [], chain([first], follow, rows)
    for row in rest:
        named = zip_longest(row, columns[: len(row)], fillvalue="")
        yield "\n".join(f"{name or f'column {place}'}: {cell}" for place, (cell, name) in enumerate(named, 1) if cell)


def _are_names(row: Sequence[str]) -> bool:
    """Whether a first row names the columns: no gaps, nothing twice, no numbers."""
    return all(row) and len(set(row)) == len(row) and not any(_is_number(cell) for cell in row)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
