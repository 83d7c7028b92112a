SELECT count(*) FROM feedback AS f INDEXED BY feedback_place WHERE f.run_pid = :p2 AND f.run_start_us BETWEEN :p0 AND :p1;
-- :p0 = 1750000000000000
-- :p1 = 1700000000000000
-- :p2 = 1
