-- eq(session_name, "default")
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND (SELECT name FROM projects WHERE pid = r.pid) = :p0 ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 'default'
-- :p1 = 1
-- :p2 = 101
