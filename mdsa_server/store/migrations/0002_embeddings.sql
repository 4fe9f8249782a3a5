-- Vectors of texts that come again, such as the examples of domains: float32, little-endian, unit length.
-- A vector means something only to the encoder that made it, hence the fingerprint.
create table embeddings (
    fingerprint text not null,
    text_hash   blob not null,
    vector      blob not null check (vec_length(vector) > 0),
    primary key (fingerprint, text_hash)
) strict, without rowid;
