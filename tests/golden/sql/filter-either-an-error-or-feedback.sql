-- or(neq(error, null), lt(feedback_score, 0.5))
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND (r.error IS NOT NULL OR (EXISTS (SELECT 1 FROM feedback AS f INDEXED BY feedback_run WHERE f.run_id = r.id AND f.score < :p0))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 0.5
-- :p1 = 1
-- :p2 = 101
