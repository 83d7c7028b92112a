SELECT count(*) FROM runs AS r WHERE r.trace_id IN (SELECT unhex(value) FROM json_each(:p0));
-- :p0 = '["00000000000040008000000000000001"]'
