-- exists(prompt_cost_details.cache_read)
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND (SELECT value ->> 0 FROM json_each(r.totals) WHERE key = :p0) IS NOT NULL ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 'prompt_cost_details.cache_read'
-- :p1 = 1
-- :p2 = 101
