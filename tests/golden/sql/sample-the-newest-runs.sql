SELECT count(*), count(nullif(meets, 0)) FROM (SELECT (r.latency_us > :p0) AS meets FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND r.start_us >= :p2 ORDER BY r.start_us DESC LIMIT :p3);
-- :p0 = 10000000
-- :p1 = 1
-- :p2 = 1600000000000000
-- :p3 = 1000
