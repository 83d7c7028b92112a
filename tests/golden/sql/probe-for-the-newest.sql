SELECT json_group_array(rowid) FROM (SELECT rowid FROM inverted WHERE inverted MATCH :p0 ORDER BY rowid DESC LIMIT :p1);
-- :p0 = '"@nx"'
-- :p1 = 200
