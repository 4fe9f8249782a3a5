-- What people say of routes that were wrong.
create table corrections (
    -- The order in which they were said.
    sequence integer primary key,
    id       text not null unique,
    turn     text references turns (id) on delete set null,
    message  text not null,
    -- Null where the message belongs to no domain.
    domain   text,
    answered text,
    said     real not null,
    state    text not null default 'pending' check (state in ('pending', 'accepted', 'rejected')),
    -- When it was accepted or rejected.
    settled  real
) strict;

create index corrections_by_turn on corrections (turn);
create index corrections_by_state on corrections (state);

-- Of one turn one thing is said at a time; what was settled before stays as it was.
create unique index corrections_pending on corrections (turn) where state = 'pending';

-- Accepted ones are examples now; all others go with the words they are about.
create trigger corrections_go_with_their_turn before delete on turns begin
    delete from corrections where turn = old.id and state <> 'accepted';
end;
