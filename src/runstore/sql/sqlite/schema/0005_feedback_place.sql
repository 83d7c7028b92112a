-- With what filters test of feedback, so that a walk in order of its runs' starts need not read the
-- records themselves.
DROP INDEX feedback_place;
CREATE INDEX feedback_place ON feedback (run_pid, run_start_us, key, score, run_id)
WHERE run_pid IS NOT NULL;
