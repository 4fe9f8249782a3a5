-- Times are seconds since 1970, in UTC.
create table conversations (
    id      text primary key,
    owner   text not null default 'local',
    title   text not null,
    created real not null,
    updated real not null
) strict;

create index conversations_by_owner on conversations (owner, updated desc, id desc);

create table turns (
    -- The order in which turns came, whatever the clock did meanwhile.
    sequence     integer primary key,
    id           text not null unique,
    conversation text not null references conversations (id) on delete cascade,
    parent       text references turns (id) on delete set null,
    started      real not null,
    outcome      text not null default 'running' check (outcome in ('running', 'answered', 'failed', 'cancelled')),
    message      text not null,
    answer       text not null default '',
    domain       text,
    model        text,
    -- The turn's events as a JSON array, pieces of text joined; dropped from the oldest turns by [store] keep_turns.
    events       blob
) strict;

create index turns_by_conversation on turns (conversation, sequence);
create index turns_by_parent on turns (parent);
create index turns_running on turns (outcome) where outcome = 'running';
