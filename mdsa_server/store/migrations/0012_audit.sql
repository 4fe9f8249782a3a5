-- What was done to the server, and what was refused; [store] keep_audit bounds both. Times are seconds since 1970, in UTC.
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

create index audit_by_refusal on audit (refused, sequence);
create index audit_by_who on audit (who, sequence);
