SELECT inverted.rowid, r.start_us, r.id, r.start_us >= :p3 AND (r.start_us > :p4 OR r.id > :p5) FROM inverted CROSS JOIN runs AS r ON r.rid = inverted.rowid WHERE inverted MATCH :p0 AND inverted.rowid BETWEEN :p1 AND :p2 ORDER BY inverted.rowid ASC;
-- :p0 = '"@nx"'
-- :p1 = 128
-- :p2 = 4095
-- :p3 = 1700000000000000
-- :p4 = 1700000000000000
-- :p5 = x'00000000000040008000000000000001'
