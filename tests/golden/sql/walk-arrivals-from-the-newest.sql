SELECT inverted.rowid, r.start_us, r.id, r.start_us >= :p3 FROM inverted CROSS JOIN runs AS r ON r.rid = inverted.rowid WHERE inverted MATCH :p0 AND inverted.rowid BETWEEN :p1 AND :p2 ORDER BY inverted.rowid DESC;
-- :p0 = '"@nx"'
-- :p1 = 128
-- :p2 = 4095
-- :p3 = 1600000000000000
