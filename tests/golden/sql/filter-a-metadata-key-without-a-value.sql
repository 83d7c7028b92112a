-- and(eq(metadata_key, "k"), neq(metadata_value, "v"))
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND r.rid IN (SELECT rowid FROM inverted WHERE inverted MATCH :p0) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = '(".mk" NOT "=k~sv")'
-- :p1 = 1
-- :p2 = 101

-- Without the inverted index:
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND (holds(:p0, unpack((SELECT extra FROM payloads WHERE rid = r.rid))) AND (holds(:p1, unpack((SELECT extra FROM payloads WHERE rid = r.rid))) IS NOT TRUE)) ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = 0
-- :p1 = 1
-- :p2 = 1
-- :p3 = 101
-- tests in Python: 2
