SELECT r.rid, r.start_us, r.id FROM json_each(:p2) AS k CROSS JOIN runs AS r NOT INDEXED ON r.rid = k.value WHERE r.pid IN (:p0, :p1) AND r.start_us >= :p3 AND r.start_us <= :p4 AND (r.start_us < :p5 OR r.id < :p6) ORDER BY r.start_us DESC, r.id DESC LIMIT :p7;
-- :p0 = 1
-- :p1 = 2
-- :p2 = '[1,2]'
-- :p3 = 1600000000000000
-- :p4 = 1700000000000000
-- :p5 = 1700000000000000
-- :p6 = x'00000000000040008000000000000001'
-- :p7 = 101
