-- in(name, ["x", "y"])
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND r.name IN (:p0, :p1) ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = 'x'
-- :p1 = 'y'
-- :p2 = 1
-- :p3 = 101
