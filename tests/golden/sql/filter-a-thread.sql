-- eq(thread_id, "Thread 1")
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND r.thread_id = :p0 ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = 'Thread 1'
-- :p1 = 1
-- :p2 = 101
