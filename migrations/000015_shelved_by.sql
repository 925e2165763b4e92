-- Who shelved an alarm, apart from who acknowledged it: a shelf ends as if it had never been, and it had silently
-- acknowledged. It stays when the shelf ends: what came and went on a shelf never makes work.
alter table alarm add column shelved_by int references employee;
update alarm set shelved_by = acknowledged_by where state = 'shelved';
