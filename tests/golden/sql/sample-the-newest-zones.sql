SELECT avg(ifnull(z.latency_max_us > :p0, FALSE)) FROM (SELECT * FROM zones NOT INDEXED ORDER BY zone DESC LIMIT :p1) AS z;
-- :p0 = 10000000
-- :p1 = 1000
