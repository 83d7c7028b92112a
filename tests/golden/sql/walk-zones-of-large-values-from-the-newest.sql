SELECT r.rid, r.start_us, r.id, TRUE FROM zones AS z NOT INDEXED CROSS JOIN runs AS r NOT INDEXED ON r.rid BETWEEN z.zone << 7 AND (z.zone << 7) + 127 WHERE z.zone BETWEEN :p0 AND :p1 AND z.latency_max_us > :p2 AND z.cost_max >= :p3 AND r.start_us >= :p4 ORDER BY z.zone DESC, r.rid DESC;
-- :p0 = 1
-- :p1 = 31
-- :p2 = 10000000
-- :p3 = 500000000000
-- :p4 = 1600000000000000
