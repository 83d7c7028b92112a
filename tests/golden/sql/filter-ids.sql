-- in(id, ["00000000-0000-4000-8000-000000000001"])
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND r.id IN (:p0) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = x'00000000000040008000000000000001'
-- :p1 = 1
-- :p2 = 101
