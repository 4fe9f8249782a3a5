-- Whose a turn is, as its conversation says. Turns are listed by owner, and one with few among very many of others
-- had all of those read, newest first, to find them.
alter table turns add column owner text not null default 'local';
update turns set owner = (select owner from conversations where id = conversation)
where conversation in (select id from conversations where owner <> 'local');

drop index turns_by_outcome;
drop index turns_by_domain;
drop index turns_by_domain_and_outcome;
create index turns_by_owner on turns (owner);
create index turns_by_owner_and_outcome on turns (owner, outcome);
create index turns_by_owner_and_domain on turns (owner, domain);
create index turns_by_owner_domain_and_outcome on turns (owner, domain, outcome);
