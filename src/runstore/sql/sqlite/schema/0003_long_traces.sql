-- Traces whose runs start more than an hour apart, and the first and last start there have been:
-- engine/sqlite/trace_spans.py.
CREATE TABLE long_traces (
    trace_id BLOB PRIMARY KEY,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO long_traces (trace_id, first_us, last_us)
SELECT trace_id, min(start_us), max(start_us) FROM runs INDEXED BY runs_trace GROUP BY trace_id
HAVING max(start_us) - min(start_us) > 3600000000;
