SELECT r.rid, r.start_us, r.id FROM feedback AS f INDEXED BY feedback_place CROSS JOIN runs AS r INDEXED BY runs_id ON r.id = f.run_id WHERE f.run_pid = :p6 AND f.run_start_us BETWEEN :p1 AND :p2 AND f.key = :p0 AND r.error IS NOT NULL AND r.start_us >= :p3 AND (r.start_us > :p4 OR r.id > :p5) ORDER BY f.run_start_us ASC;
-- :p0 = 'k'
-- :p1 = 1700000000000000
-- :p2 = 253402300799999999
-- :p3 = 1700000000000000
-- :p4 = 1700000000000000
-- :p5 = x'00000000000040008000000000000001'
-- :p6 = 1
