-- and(gte(start_time, "2026-01-01T00:00:00Z"), lt(start_time, "2026-02-01"))
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND (r.start_us >= :p0 AND r.start_us < :p1) ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = 1767225600000000
-- :p1 = 1769904000000000
-- :p2 = 1
-- :p3 = 101
