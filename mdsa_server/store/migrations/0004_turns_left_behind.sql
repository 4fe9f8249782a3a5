-- Foreign keys were not enforced until now, so that deleted conversations left their turns behind.
delete from turns where conversation not in (select id from conversations);
