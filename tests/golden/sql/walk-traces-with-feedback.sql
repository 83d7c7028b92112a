SELECT r.trace_id, f.run_start_us FROM feedback AS f INDEXED BY feedback_place CROSS JOIN runs AS r INDEXED BY runs_id ON r.id = f.run_id WHERE f.run_pid = :p3 AND f.run_start_us BETWEEN :p1 AND :p2 AND f.key = :p0 AND r.is_root = 1 ORDER BY f.run_start_us DESC;
-- :p0 = 'k'
-- :p1 = 1600000000000000
-- :p2 = 253402300799999999
-- :p3 = 1
