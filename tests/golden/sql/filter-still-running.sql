-- eq(end_time, null)
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p0 AND ((r.start_us + r.latency_us) IS NOT NULL IS NOT TRUE) ORDER BY r.start_us DESC, r.id DESC LIMIT :p1;
-- :p0 = 1
-- :p1 = 101
