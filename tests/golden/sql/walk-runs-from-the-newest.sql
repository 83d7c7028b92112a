SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p0 AND r.start_us >= :p1 ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 1
-- :p1 = 1600000000000000
-- :p2 = 101
