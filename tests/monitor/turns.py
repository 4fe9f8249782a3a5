"""A turn for events to be of."""

from datetime import UTC, datetime

from mdsa_server.vocabulary.turn import Turn

TURN = Turn(id="t", conversation="c", parent=None, message="hi", started=datetime(2026, 1, 1, tzinfo=UTC))
