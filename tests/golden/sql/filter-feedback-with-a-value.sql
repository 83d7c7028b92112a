-- and(eq(feedback_key, "k"), eq(feedback_value, "good"))
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND (EXISTS (SELECT 1 FROM feedback AS f INDEXED BY feedback_run WHERE f.run_id = r.id AND f.key = :p0 AND (f.value IS NOT NULL AND holds(:p1, f.value)))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = 'k'
-- :p1 = 0
-- :p2 = 1
-- :p3 = 101
-- tests in Python: 1
