-- gt(prompt_token_details.cache_read, 10)
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND (SELECT value ->> 0 FROM json_each(r.totals) WHERE key = :p0) > :p1 ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = 'prompt_token_details.cache_read'
-- :p1 = 10
-- :p2 = 1
-- :p3 = 101
