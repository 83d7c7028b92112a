SELECT count(*) FROM inverted WHERE inverted MATCH :p0 AND rowid > (SELECT max(rid) FROM runs) - :p1;
-- :p0 = '"@nx"'
-- :p1 = 1000
