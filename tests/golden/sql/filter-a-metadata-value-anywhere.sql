-- eq(metadata_value, "v")
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p3 AND ((r.rid IN (SELECT rowid FROM inverted WHERE inverted MATCH :p1) AND holds(:p2, unpack((SELECT extra FROM payloads WHERE rid = r.rid))))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p4;
-- :p0 = 'others : "v"'
-- :p1 = 'others : "v"'
-- :p2 = 0
-- :p3 = 1
-- :p4 = 101
-- tests in Python: 1

-- Without the inverted index:
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND (holds(:p0, unpack((SELECT extra FROM payloads WHERE rid = r.rid)))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 0
-- :p1 = 1
-- :p2 = 101
-- tests in Python: 1
