-- like(feedback_comment, "wrong")
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND (EXISTS (SELECT 1 FROM feedback AS f INDEXED BY feedback_run WHERE f.run_id = r.id AND (f.comment IS NOT NULL AND holds(:p0, f.comment)))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 0
-- :p1 = 1
-- :p2 = 101
-- tests in Python: 1
