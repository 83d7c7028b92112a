-- and(eq(run_type, "llm"), gt(latency, 10), gt(total_tokens, 5000))
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p3 AND (r.run_type = :p0 AND r.latency_us > :p1 AND r.total_tokens > :p2) ORDER BY r.start_us DESC, r.id DESC LIMIT :p4;
-- :p0 = 'llm'
-- :p1 = 10000000
-- :p2 = 5000
-- :p3 = 1
-- :p4 = 101
