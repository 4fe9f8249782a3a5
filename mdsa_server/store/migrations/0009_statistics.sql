-- What happened in spans of time, by how long those are: few rows of each, the oldest go.
create table statistics (
    -- Both in seconds; `start` since 1970, in UTC.
    step   integer not null,
    start  integer not null,
    -- The counts as JSON.
    counts blob not null,
    primary key (step, start)
) strict, without rowid;
