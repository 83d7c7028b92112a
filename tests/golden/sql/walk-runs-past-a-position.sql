SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p0 AND r.start_us >= :p1 AND r.start_us <= :p2 AND (r.start_us < :p3 OR r.id < :p4) ORDER BY r.start_us DESC, r.id DESC LIMIT :p5;
-- :p0 = 1
-- :p1 = 1600000000000000
-- :p2 = 1700000000000000
-- :p3 = 1700000000000000
-- :p4 = x'00000000000040008000000000000001'
-- :p5 = 101
