"""Vectors of texts that come again, kept so that they need not be made again."""

import hashlib
from collections.abc import Mapping, Sequence

from mdsa_server.store.database import Connection, Database


class EmbeddingCache:
    """Vectors by the fingerprint of their encoder and their text; float32, little-endian."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, fingerprint: str, texts: Sequence[str]) -> dict[str, bytes]:
        """Give the vectors that are known of `texts`."""

        def work(db: Connection) -> dict[str, bytes]:
            query = "select vector from embeddings where fingerprint = ? and text_hash = ?"
            found = ((text, db.execute(query, (fingerprint, _hash(text))).fetchone()) for text in texts)
            return {text: row[0] for text, row in found if row}

        return await self._database.read(work)

    async def put(self, fingerprint: str, vectors: Mapping[str, bytes]) -> None:
        """Keep vectors; a text that is known already is written over. Vectors of other encoders are dropped."""
        rows = [(fingerprint, _hash(text), vector) for text, vector in vectors.items()]

        def work(db: Connection) -> None:
            # Written as two ranges, which the primary key finds at once.
            db.execute("delete from embeddings where fingerprint < ?1 or fingerprint > ?1", (fingerprint,))
            db.executemany("insert or replace into embeddings values (?, ?, ?)", rows)

        await self._database.write(work)


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
