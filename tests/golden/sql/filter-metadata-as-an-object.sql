-- has(metadata, '{"k": "v", "n": 1}')
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND (r.rid IN (SELECT rowid FROM inverted WHERE inverted MATCH :p0) AND r.rid IN (SELECT rowid FROM inverted WHERE inverted MATCH :p1)) ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = '"=k~sv"'
-- :p1 = '"=n~n1"'
-- :p2 = 1
-- :p3 = 101

-- Without the inverted index:
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND ((holds(:p0, unpack((SELECT extra FROM payloads WHERE rid = r.rid)))) AND (holds(:p1, unpack((SELECT extra FROM payloads WHERE rid = r.rid))))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = 0
-- :p1 = 1
-- :p2 = 1
-- :p3 = 101
-- tests in Python: 2
