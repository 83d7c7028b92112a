SELECT min(r.latency_us) FROM runs AS r INDEXED BY runs_backwards WHERE r.latency_us < 0 AND r.pid IN (:p0);
-- :p0 = 1
