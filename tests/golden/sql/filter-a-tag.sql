-- has(tags, "x")
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND (EXISTS (SELECT 1 FROM json_each(r.tags) AS tag WHERE tag.value = :p0)) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 'x'
-- :p1 = 1
-- :p2 = 101
