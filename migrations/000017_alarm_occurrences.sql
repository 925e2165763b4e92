-- It was 1 in every row. How often an alarm came is counted when it is read, from the rows themselves.
alter table alarm drop column occurrences;
