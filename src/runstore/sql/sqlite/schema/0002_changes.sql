-- Which runs a transaction wrote, so that a tail can go on where it stopped: engine/sqlite/changes.py
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,           -- one more than the last; the newest row is never deleted
    ranges TEXT NOT NULL               -- JSON [[first rid, last rid], ...], ascending
) STRICT;

INSERT INTO changes (seq, ranges)
SELECT 1, json_array(json_array(1, max(rid))) FROM runs HAVING max(rid) IS NOT NULL;
