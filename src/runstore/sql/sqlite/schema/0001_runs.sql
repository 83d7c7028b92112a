-- Reasons for each table and index: docs/storage.md.

CREATE TABLE projects (
    pid INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    start_us INTEGER NOT NULL,
    end_us INTEGER,
    description TEXT,
    extra BLOB,
    default_dataset_id BLOB,
    reference_dataset_id BLOB,
    trace_tier TEXT
) STRICT;

-- Narrow: what filters compare and pages show. `rid` grows with arrival. Long texts stand last,
-- so that a scan need not read past them.
CREATE TABLE runs (
    rid INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    trace_id BLOB NOT NULL,
    parent_id BLOB,
    pid INTEGER NOT NULL,              -- 0: no project known yet
    is_root INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER,
    latency_us INTEGER,
    run_type TEXT,
    status TEXT NOT NULL,
    name TEXT,
    present INTEGER NOT NULL,          -- bits of runstore.sql.sqlite.columns.PRESENT_BITS
    prompt_tokens INTEGER NOT NULL,    -- subtree totals, as filters and v1 answers see them
    completion_tokens INTEGER NOT NULL,
    total_tokens INTEGER NOT NULL,
    prompt_cost INTEGER,               -- picodollars
    completion_cost INTEGER,
    total_cost INTEGER,
    first_token_us INTEGER,
    received_us INTEGER NOT NULL,
    has_create INTEGER NOT NULL,
    provisional INTEGER NOT NULL,
    start_guessed INTEGER NOT NULL,
    said_status TEXT,
    thread_id TEXT,
    reference_example_id BLOB,
    tags TEXT,                         -- JSON array; NULL: none
    usage TEXT,                        -- JSON {counter: value}, the run's own; NULL: none
    totals TEXT,                       -- JSON {counter: [sum, reporters]}, the subtree's; NULL: none
    dotted_order TEXT NOT NULL,
    error TEXT
) STRICT;

CREATE UNIQUE INDEX runs_id ON runs (id);
CREATE INDEX runs_trace ON runs (trace_id);
CREATE INDEX runs_time ON runs (
    pid, start_us, latency_us, total_tokens, total_cost, run_type, status, is_root
);
CREATE INDEX runs_roots ON runs (pid, start_us) WHERE is_root = 1;
-- Nearly empty: runs that ended before they started tell how far an end bounds a start.
CREATE INDEX runs_backwards ON runs (pid, latency_us) WHERE latency_us < 0;
CREATE INDEX runs_provisional ON runs (parent_id) WHERE provisional = 1;
-- What rollups leave open of percentiles: the values of one hour in order. By hour, so that new
-- runs touch few pages. The hour is that of rollups.
CREATE INDEX runs_latency ON runs (
    pid, (start_us + 62136000000000000) / 3600000000, latency_us, is_root, run_type
) WHERE latency_us IS NOT NULL;
CREATE INDEX runs_first_token ON runs (
    pid, (start_us + 62136000000000000) / 3600000000, first_token_us - start_us, is_root, run_type
) WHERE first_token_us IS NOT NULL;

-- JSON as it came, zstd-compressed where that helps; read only for the runs of a page.
CREATE TABLE payloads (
    rid INTEGER PRIMARY KEY,
    inputs BLOB,
    outputs BLOB,
    extra BLOB,
    events BLOB,
    serialized BLOB
) STRICT;

-- zstd dictionaries payloads are packed with; a frame names its own.
CREATE TABLE dictionaries (
    id INTEGER PRIMARY KEY,
    dictionary BLOB NOT NULL
) STRICT;

-- One inverted index: words of inputs, of outputs, of the rest (error, name, tags, metadata), and
-- terms for keys, metadata pairs, tags, names: see terms.py. All printable ASCII are token
-- characters, so every blank-separated string is one term; ASCII case is folded.
CREATE VIRTUAL TABLE inverted USING fts5 (
    terms,
    inputs,
    outputs,
    others,
    content = '',
    contentless_delete = 1,
    detail = column,
    tokenize = "ascii tokenchars '!#$%&()*+,-./:;<=>?@[\]^_`{|}~'"
);

INSERT INTO inverted (inverted, rank) VALUES ('hashsize', 8388608); -- a group is one segment
INSERT INTO inverted (inverted, rank) VALUES ('automerge', 8);      -- merge later, in larger steps

-- Earliest and latest start among each 128 rids: lets a walk in arrival order stop early.
CREATE TABLE zones (
    zone INTEGER PRIMARY KEY,
    start_min_us INTEGER NOT NULL,
    start_max_us INTEGER NOT NULL
) STRICT;

CREATE INDEX zones_earliest ON zones (start_min_us);
CREATE INDEX zones_latest ON zones (start_max_us);

-- Figures of all runs of one kind that started in one span of 1, 24 or 768 hours. `sums` is JSON
-- [sum of latencies, own usage, subtree totals of roots]; the others JSON {bucket: runs}.
CREATE TABLE rollups (
    rollup INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    span INTEGER NOT NULL,
    hour INTEGER NOT NULL,             -- the span's first, counted as engine/sqlite/rollup.py says
    is_root INTEGER NOT NULL,
    run_type TEXT,
    status TEXT NOT NULL,
    has_error INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    sums TEXT NOT NULL,
    latencies TEXT NOT NULL,
    first_tokens TEXT
) STRICT;

CREATE INDEX rollups_place ON rollups (pid, span, hour, is_root, run_type, status, has_error);

-- One row: rollups tell of all runs up to this rid, and of none after it.
CREATE TABLE rolled_up (
    rid INTEGER NOT NULL
) STRICT;

INSERT INTO rolled_up (rid) VALUES (0);

-- Subtree totals of runs that have not arrived, but whose descendants have.
CREATE TABLE awaited_totals (
    id BLOB PRIMARY KEY,
    totals TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE feedback (
    id BLOB NOT NULL UNIQUE,
    run_id BLOB,
    trace_id BLOB,
    pid INTEGER,
    key TEXT NOT NULL,
    score REAL,
    value BLOB,
    comment TEXT,
    correction BLOB,
    source BLOB,
    source_type TEXT,
    extra BLOB,
    created_us INTEGER NOT NULL,
    modified_us INTEGER NOT NULL,
    comparative_experiment_id TEXT,
    feedback_group_id TEXT,
    run_pid INTEGER,                   -- where its run stands, and it is counted; NULL: no run yet
    run_start_us INTEGER,
    run_kind TEXT
) STRICT;

CREATE INDEX feedback_run ON feedback (run_id);
CREATE INDEX feedback_trace ON feedback (trace_id);
CREATE INDEX feedback_key ON feedback (key, score, run_id);
CREATE INDEX feedback_created ON feedback (created_us, id);
CREATE INDEX feedback_place ON feedback (run_pid, run_start_us) WHERE run_pid IS NOT NULL;
-- Nearly empty.
CREATE INDEX feedback_awaiting ON feedback (run_id) WHERE run_pid IS NULL AND run_id IS NOT NULL;
-- The newest of one key that say something; the rest of the columns is tested on the index alone.
CREATE INDEX feedback_comments ON feedback (
    run_pid, key, created_us, id, run_start_us, run_kind
) WHERE comment <> '';
CREATE INDEX feedback_sources ON feedback (
    run_pid, key, created_us, id, run_start_us, run_kind
) WHERE source IS NOT NULL;

-- How many records of one key say the same about runs of one kind that started in one span, as
-- rollups have it. `kind` is JSON [run type, is root, status, has an error], `said` JSON
-- [score, text, is an error].
CREATE TABLE feedback_tallies (
    pid INTEGER NOT NULL,
    span INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    said TEXT NOT NULL,
    records INTEGER NOT NULL,
    PRIMARY KEY (pid, span, hour, key, kind, said)
) STRICT, WITHOUT ROWID;

CREATE TABLE attachments (
    run_id BLOB NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX attachments_sha256 ON attachments (sha256);
