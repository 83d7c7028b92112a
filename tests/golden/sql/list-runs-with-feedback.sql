SELECT DISTINCT f.run_id FROM feedback AS f WHERE f.run_id IS NOT NULL AND f.key = :p0 LIMIT :p1;
-- :p0 = 'k'
-- :p1 = 2001
