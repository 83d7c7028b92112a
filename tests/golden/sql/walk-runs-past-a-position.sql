SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p4 AND r.start_us >= :p0 AND r.start_us <= :p1 AND (r.start_us < :p2 OR r.id < :p3) ORDER BY r.start_us DESC, r.id DESC LIMIT :p5;
-- :p0 = 1600000000000000
-- :p1 = 1700000000000000
-- :p2 = 1700000000000000
-- :p3 = x'00000000000040008000000000000001'
-- :p4 = 1
-- :p5 = 101
