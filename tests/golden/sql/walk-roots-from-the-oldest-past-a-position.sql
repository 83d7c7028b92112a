SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_roots WHERE r.pid = :p3 AND r.is_root = 1 AND r.start_us >= :p0 AND (r.start_us > :p1 OR r.id > :p2) ORDER BY r.start_us, r.id LIMIT :p4;
-- :p0 = 1700000000000000
-- :p1 = 1700000000000000
-- :p2 = x'00000000000040008000000000000001'
-- :p3 = 1
-- :p4 = 101
