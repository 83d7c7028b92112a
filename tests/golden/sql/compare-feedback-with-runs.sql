SELECT ifnull((SELECT max(rowid) FROM feedback), 0), ifnull((SELECT max(rid) FROM runs), 0);
