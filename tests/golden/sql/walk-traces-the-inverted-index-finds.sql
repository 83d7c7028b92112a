SELECT r.trace_id, r.rid FROM inverted CROSS JOIN runs AS r ON r.rid = inverted.rowid WHERE inverted MATCH :p0 AND inverted.rowid <= :p1 AND r.is_root = 1 ORDER BY inverted.rowid DESC;
-- :p0 = '"@nx"'
-- :p1 = 4095
