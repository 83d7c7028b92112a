-- and(has(tags, "x"), eq(metadata.k, 1), not(has(tags, "y")))
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p3 AND ((EXISTS (SELECT 1 FROM json_each(r.tags) AS tag WHERE tag.value = :p0)) AND r.rid IN (SELECT rowid FROM inverted WHERE inverted MATCH :p1) AND ((EXISTS (SELECT 1 FROM json_each(r.tags) AS tag WHERE tag.value = :p2)) IS NOT TRUE)) ORDER BY r.start_us DESC, r.id DESC LIMIT :p4;
-- :p0 = 'x'
-- :p1 = '"=k~n1"'
-- :p2 = 'y'
-- :p3 = 1
-- :p4 = 101

-- Without the inverted index:
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p3 AND ((EXISTS (SELECT 1 FROM json_each(r.tags) AS tag WHERE tag.value = :p0)) AND (holds(:p1, unpack((SELECT extra FROM payloads WHERE rid = r.rid)))) AND ((EXISTS (SELECT 1 FROM json_each(r.tags) AS tag WHERE tag.value = :p2)) IS NOT TRUE)) ORDER BY r.start_us DESC, r.id DESC LIMIT :p4;
-- :p0 = 'x'
-- :p1 = 0
-- :p2 = 'y'
-- :p3 = 1
-- :p4 = 101
-- tests in Python: 1
