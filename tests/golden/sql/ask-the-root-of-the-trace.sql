SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_roots WHERE r.pid = :p0 AND r.is_root = 1 AND EXISTS (SELECT 1 FROM runs AS root INDEXED BY runs_id WHERE root.id = r.trace_id AND root.is_root = 1 AND root.error IS NOT NULL) ORDER BY r.start_us DESC, r.id DESC LIMIT :p1;
-- :p0 = 1
-- :p1 = 101
