SELECT DISTINCT r.trace_id FROM json_each(:p1) AS k CROSS JOIN runs AS r NOT INDEXED ON r.rid = k.value WHERE r.name = :p0 AND r.is_root = 1 LIMIT :p2;
-- :p0 = 'x'
-- :p1 = '[1,2]'
-- :p2 = 2001
