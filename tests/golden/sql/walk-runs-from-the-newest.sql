SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND r.start_us >= :p0 ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 1600000000000000
-- :p1 = 1
-- :p2 = 101
