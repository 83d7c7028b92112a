SELECT r.rid, r.start_us, r.id FROM feedback AS f INDEXED BY feedback_place CROSS JOIN runs AS r INDEXED BY runs_id ON r.id = f.run_id WHERE f.run_pid = :p4 AND f.run_start_us BETWEEN :p1 AND :p2 AND f.key = :p0 AND r.error IS NOT NULL AND r.start_us >= :p3 ORDER BY f.run_start_us DESC;
-- :p0 = 'k'
-- :p1 = 1600000000000000
-- :p2 = 253402300799999999
-- :p3 = 1600000000000000
-- :p4 = 1
