-- and(eq(feedback_key, "k"), lt(feedback_score, 1))
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND (EXISTS (SELECT 1 FROM feedback AS f INDEXED BY feedback_run WHERE f.run_id = r.id AND f.key = :p0 AND f.score < :p1)) ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = 'k'
-- :p1 = 1
-- :p2 = 1
-- :p3 = 101
