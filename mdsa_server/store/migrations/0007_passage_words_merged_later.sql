-- Pieces of the index of words are merged when there are eight of a size, not four, and have larger pages: documents
-- are inserted faster so (store/DESIGN.md).
insert into passage_words (passage_words, rank) values ('automerge', 8);
insert into passage_words (passage_words, rank) values ('pgsz', 8000);
