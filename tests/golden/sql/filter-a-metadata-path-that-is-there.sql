-- exists(metadata.a.b)
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND r.rid IN (SELECT rowid FROM inverted WHERE inverted MATCH :p0) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = '(".ma.b" OR ":ma.b")'
-- :p1 = 1
-- :p2 = 101

-- Without the inverted index:
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND holds(:p0, unpack((SELECT extra FROM payloads WHERE rid = r.rid))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 0
-- :p1 = 1
-- :p2 = 101
-- tests in Python: 1
