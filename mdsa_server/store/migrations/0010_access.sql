-- Keys that callers show. Of a secret only its keyed hash is kept. Times are seconds since 1970, in UTC.
create table access_keys (
    id                  text primary key,
    name                text not null,
    secret_hash         blob not null unique,
    -- JSON arrays of strings.
    scopes              text not null,
    domains             text not null default '[]',
    created             real not null,
    expires             real,
    revoked             real,
    last_used           real,
    requests_per_minute integer,
    tokens_per_minute   integer
) strict;

-- Browsers that signed in with a key, each by the keyed hash of what its cookie holds.
create table sign_ins (
    token_hash blob primary key,
    access_key text not null references access_keys (id) on delete cascade,
    -- When it signed in, and when it was last seen.
    began      real not null,
    seen       real not null
) strict, without rowid;

create index sign_ins_by_key on sign_ins (access_key);
