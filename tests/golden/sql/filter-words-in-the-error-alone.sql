-- search(error, "refund")
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND (r.rid IN (SELECT rowid FROM inverted WHERE inverted MATCH :p0) AND ((r.error IS NOT NULL AND holds(:p1, r.error)))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = '(others : "refund" OR others : "refunds")'
-- :p1 = 0
-- :p2 = 1
-- :p3 = 101
-- tests in Python: 1

-- Without the inverted index:
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND ((r.error IS NOT NULL AND holds(:p0, r.error))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 0
-- :p1 = 1
-- :p2 = 101
-- tests in Python: 1
