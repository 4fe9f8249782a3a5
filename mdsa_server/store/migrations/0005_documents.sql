-- Documents, and the passages that they were split into.
create table collections (
    id   integer primary key,
    name text not null unique
) strict;

create table documents (
    sequence     integer primary key,
    id           text not null unique,
    collection   integer not null references collections (id),
    -- Where it came from: a path, or the name under which it was uploaded.
    source       text not null,
    title        text not null,
    type         text not null,
    -- A JSON array of strings.
    tags         text not null default '[]',
    bytes        integer not null,
    -- SHA-256 of the bytes that were read, and by which rules these became passages: what is unchanged is not read again.
    content_hash text not null,
    -- When the file was last written, and when it was read. Seconds since 1970, in UTC.
    modified     real not null,
    added        real not null,
    unique (collection, source)
) strict;

create table passages (
    -- Never given twice, even after the newest was deleted: the index in memory goes by it.
    id       integer primary key autoincrement,
    document integer not null references documents (sequence) on delete cascade,
    -- Counted from 0. The passages of a document in this order, put together, are its text.
    place    integer not null,
    -- The headings it stands below as a JSON array, outermost first.
    heading  text not null default '[]',
    page     integer,
    text     text not null
) strict;

create unique index passages_by_document on passages (document, place);

-- The words of passages, which are kept there alone. The title counts for each passage of its document.
create virtual table passage_words using fts5 (
    title, text, content = '', contentless_delete = 1, tokenize = "porter unicode61 remove_diacritics 2"
);

create trigger words_go_with_their_passage after delete on passages begin
    delete from passage_words where rowid = old.id;
end;

-- One row for each encoder of which there are vectors; they lie in a table of their own, vectors_ID, made with the row.
create table vector_indexes (
    id          integer primary key,
    fingerprint text not null unique
) strict;
