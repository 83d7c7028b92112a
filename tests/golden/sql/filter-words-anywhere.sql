-- search("refund order")
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p1 AND r.rid IN (SELECT rowid FROM inverted WHERE inverted MATCH :p0) ORDER BY r.start_us DESC, r.id DESC LIMIT :p2;
-- :p0 = '(("refund" OR "refunds") AND ("order" OR "orders"))'
-- :p1 = 1
-- :p2 = 101

-- Without the inverted index:
SELECT r.rid, r.start_us, r.id FROM runs AS r INDEXED BY runs_time WHERE r.pid = :p2 AND ((r.name IS NOT NULL AND holds(:p0, r.name) OR r.error IS NOT NULL AND holds(:p0, r.error) OR tags_text(r.tags) IS NOT NULL AND holds(:p0, tags_text(r.tags)) OR unpack((SELECT inputs FROM payloads WHERE rid = r.rid)) IS NOT NULL AND holds(:p0, unpack((SELECT inputs FROM payloads WHERE rid = r.rid))) OR unpack((SELECT outputs FROM payloads WHERE rid = r.rid)) IS NOT NULL AND holds(:p0, unpack((SELECT outputs FROM payloads WHERE rid = r.rid))) OR metadata_text(unpack((SELECT extra FROM payloads WHERE rid = r.rid))) IS NOT NULL AND holds(:p0, metadata_text(unpack((SELECT extra FROM payloads WHERE rid = r.rid))))) AND (r.name IS NOT NULL AND holds(:p1, r.name) OR r.error IS NOT NULL AND holds(:p1, r.error) OR tags_text(r.tags) IS NOT NULL AND holds(:p1, tags_text(r.tags)) OR unpack((SELECT inputs FROM payloads WHERE rid = r.rid)) IS NOT NULL AND holds(:p1, unpack((SELECT inputs FROM payloads WHERE rid = r.rid))) OR unpack((SELECT outputs FROM payloads WHERE rid = r.rid)) IS NOT NULL AND holds(:p1, unpack((SELECT outputs FROM payloads WHERE rid = r.rid))) OR metadata_text(unpack((SELECT extra FROM payloads WHERE rid = r.rid))) IS NOT NULL AND holds(:p1, metadata_text(unpack((SELECT extra FROM payloads WHERE rid = r.rid)))))) ORDER BY r.start_us DESC, r.id DESC LIMIT :p3;
-- :p0 = 0
-- :p1 = 1
-- :p2 = 1
-- :p3 = 101
-- tests in Python: 2
