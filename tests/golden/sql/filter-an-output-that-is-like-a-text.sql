-- like(outputs, "%refund%")
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND (holds(:p0, unpack((SELECT outputs FROM payloads WHERE rid = r.rid)))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 0
-- :p1 = 1
-- :p2 = 101
-- tests in Python: 1
