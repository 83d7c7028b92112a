SELECT trace_id FROM long_traces WHERE first_us <= :p0 AND last_us >= :p1 LIMIT :p2;
-- :p0 = 253402300799999999
-- :p1 = 1600000000000000
-- :p2 = 1000
