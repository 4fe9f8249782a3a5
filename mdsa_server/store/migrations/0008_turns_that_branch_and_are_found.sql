-- Where a conversation stands: the last turn of the branch that was last written to. Until now all were one line.
alter table conversations add column current text references turns (id) on delete set null;
update conversations set current =
    (select id from turns where conversation = conversations.id order by sequence desc limit 1);
create index conversations_by_current on conversations (current);

-- The turns beside one another, in the order in which they came.
create index turns_by_branch on turns (conversation, parent);

-- What lists show of turns that have ended, so that they need not read what happened in each.
alter table turns add column seconds real;
alter table turns add column prompt_tokens integer;
alter table turns add column answer_tokens integer;
update turns set
    -- 0 is said of those that were cut off, and nobody knows when.
    seconds = nullif(json_extract(cast(events as text), '$[#-1].at'), 0),
    prompt_tokens = json_extract(cast(events as text), '$[#-1].usage.prompt_tokens'),
    answer_tokens = json_extract(cast(events as text), '$[#-1].usage.answer_tokens')
where events is not null;

create index turns_by_outcome on turns (outcome);
create index turns_by_domain on turns (domain);
create index turns_by_domain_and_outcome on turns (domain, outcome);

-- The words of messages and answers. The indexes of beginnings serve those who are still typing.
create virtual table turn_words using fts5 (
    message, answer, content = 'turns', content_rowid = 'sequence', prefix = '1 2 3',
    tokenize = "unicode61 remove_diacritics 2"
);
insert into turn_words (turn_words) values ('rebuild');

create trigger words_of_a_new_turn after insert on turns begin
    insert into turn_words (rowid, message, answer) values (new.sequence, new.message, new.answer);
end;

create trigger words_of_an_answer after update of message, answer on turns
when old.message <> new.message or old.answer <> new.answer begin
    insert into turn_words (turn_words, rowid, message, answer)
        values ('delete', old.sequence, old.message, old.answer);
    insert into turn_words (rowid, message, answer) values (new.sequence, new.message, new.answer);
end;

create trigger words_go_with_their_turn after delete on turns begin
    insert into turn_words (turn_words, rowid, message, answer)
        values ('delete', old.sequence, old.message, old.answer);
end;

-- The words of titles, which may be other ones than those of messages.
create virtual table title_words using fts5 (
    conversation unindexed, title, prefix = '1 2 3', tokenize = "unicode61 remove_diacritics 2"
);
insert into title_words (conversation, title) select id, title from conversations;

create trigger words_of_a_new_title after insert on conversations begin
    insert into title_words (conversation, title) values (new.id, new.title);
end;

create trigger words_of_another_title after update of title on conversations begin
    update title_words set title = new.title where conversation = new.id;
end;

create trigger words_go_with_their_title after delete on conversations begin
    delete from title_words where conversation = old.id;
end;
