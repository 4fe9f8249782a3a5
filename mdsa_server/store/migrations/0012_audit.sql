-- What was done to the server, and what came to nothing; [store] keep_audit bounds both, of each caller. Times are seconds since 1970, in UTC.
create table audit (
    -- The order in which it was done, whatever the clock did meanwhile; a number is never given again.
    sequence   integer primary key autoincrement,
    at         real not null,
    -- The key's id, and its name then; without an id whoever needed none, or nobody that is known.
    access_key text,
    who        text not null,
    address    text not null,
    operation  text not null,
    -- A JSON object: what the address named.
    parameters text not null default '{}',
    status     integer not null,
    refused    integer not null check (refused in (0, 1))
) strict;

-- Whose, and of those what was done and what came to nothing.
create index audit_by_caller on audit (who, access_key, (refused or status >= 400), sequence);
create index audit_by_key on audit (access_key, sequence);
