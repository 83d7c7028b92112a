-- gt(first_token_time, "2026-01-01T00:00:00Z")
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND r.first_token_us > :p0 ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 1767225600000000
-- :p1 = 1
-- :p2 = 101
