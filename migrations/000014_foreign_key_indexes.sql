-- Without these the removal of a signal or a fault reads all alarms or work orders once for each, and the end of an
-- employee's sessions reads all sessions.
create index session_by_employee on session (employee_id);
create index alarm_by_signal on alarm (signal_id);
create index work_order_by_fault on work_order (fault_id);
