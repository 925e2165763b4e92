-- A gateway in trouble (journal full, dropping, damaged, disk failing) is an alarm of its own kind.
alter table alarm
  drop constraint alarm_kind_check,
  add constraint alarm_kind_check check (kind in ('limit_low_low', 'limit_low', 'limit_high', 'limit_high_high', 'anomaly', 'fault_code', 'stale', 'ledger', 'rollup', 'gateway'));
