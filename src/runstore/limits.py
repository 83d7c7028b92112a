"""Every bound of Runstore, with its unit and its reason. Nothing else sets one."""

MIB = 1024 * 1024

# The filter language.
FILTER_CHARS_MAX = 65_536  # characters of one filter text; a list of 1,000 ids fits
FILTER_DEPTH_MAX = 100  # nested calls; keeps every pass off Python's stack limit
FILTER_LIST_ITEMS_MAX = 5_000  # values in one [...] list
FILTER_TOKENS_MAX = 12_000  # words, values and marks in one filter; 15 ms to read, 50 at the worst
PATTERN_CHARS_MAX = 4_096  # one like or regex pattern
SEARCH_WORDS_MAX = 64  # words of one search("...")
assert FILTER_DEPTH_MAX * 5 < 1_000, "5 frames a level must fit CPython's default of 1000"

# Queries.
PAGE_RUNS_MAX = 1_000  # runs per answer of POST /runs/query
PAGE_BYTES_MAX = 20 * MIB  # bytes per answer; a page is cut, with a cursor, past it
UNPACK_THREADS = 2  # for payloads of many runs somebody waits for in his own process
DEFERRED_RUNS = 100  # of a page, made when one is read: less than 1 ms, as JSON 2
PAGE_RUNS_DEFAULT = 100  # what the wire promises when `limit` is not given
QUERY_BODY_BYTES_MAX = 8 * MIB  # a query with 100,000 ids fits
QUERY_SECONDS_MAX = 30.0  # time budget of one query; past it the answer is 503
QUERY_ROWS_MAX = 50_000_000  # rows one query looks at, about; past it 422: 10 million runs and more
QUERY_PAYLOAD_BYTES_MAX = 4_096 * MIB  # of payloads one query opens; about 30 s of a core
QUERY_MEMORY_BYTES_MAX = 1_024 * MIB  # one query holds at once: a page, figures of 10 million runs
QUERY_THREADS = 4  # queries that run at the same time; SQLite frees the GIL
PAGE_THREADS = 1  # besides, for pages of exports: two at once are hardly faster than one
SCAN_THREADS = 2  # besides, for what opens payload after payload, or counts up groups
QUERIES_WAITING_MAX = 200  # queries waiting for a thread of their kind; past it 429
PAGE_PAUSE_SECONDS = 0.0001  # after DEFERRED_RUNS of a page, for whoever waits for the GIL
SEND_BYTES = 256 * 1024  # of a large answer, handed to its connection before others' turn
SWITCH_SECONDS = 0.001  # a thread that waits for the GIL gets it so soon; Python's own are 5 ms
TRACES_DELETED_MAX = 1_000  # traces in one POST /runs/delete; each is a search of its own
CURSOR_CHARS_MAX = 2_048  # characters of a cursor; ours have 51, or 1,422 with a translation
STATS_GROUPS_MAX = 1_000  # groups in one answer of POST /runs/stats
IDS_MAX = 100_000  # ids in one query

# Translations of `query` by a model.
QUERY_MODEL_CHARS_MAX = 2_000  # of a question; each is paid for
QUERY_MODEL_SECONDS_MAX = 15.0  # for a translation, its second attempt included; past it 503
QUERY_MODEL_REQUESTS_MAX = 8  # translations under way; past it 429
QUERY_MODEL_ANSWER_BYTES_MAX = 64 * 1024  # of one answer of the model; a filter takes 500
QUERY_MODEL_FILTER_BYTES_MAX = 1_024  # of a translation: cursors hold it, and go into headers
TRANSLATIONS_KNOWN_MAX = 1_000  # the newest, not asked for again; 1 KB each
TRANSLATION_SECONDS = 60  # and not longer: "the last hour" moves on

# Ingest.
BODY_BYTES_MAX = 64 * MIB  # one request as it arrives; the SDK sends up to 20 MiB
BODY_DECODED_BYTES_MAX = 256 * MIB  # the same after gzip or zstd: stops bombs
PAYLOAD_BYTES_MAX = 32 * MIB  # one part: inputs, outputs, ... of one run
ATTACHMENT_BYTES_MAX = 256 * MIB  # one attachment; streamed to disk
PARTS_MAX = 20_000  # multipart parts in one request
PART_HEAD_BYTES_MAX = 16_384  # headers of one multipart part; an attachment's name is in them
ZSTD_WINDOW_BYTES_MAX = 64 * MIB  # memory one zstd stream may ask for; the SDK's asks for 2 MiB
JSON_DEPTH_MAX = 200  # nesting of one payload
BATCH_RUNS = 100  # runs per batch we ask of the SDK (GET /info)
BATCH_BYTES = 20 * MIB  # bytes per batch we ask of the SDK (GET /info)
INGEST_QUEUE_BYTES_MAX = 256 * MIB  # decoded, not yet committed; past it ingest answers 429
INGEST_QUEUE_SECONDS = 2.0  # nor more than is written in that, on average: a merge of the index
# may come between, and the SDK gives up on 202 after 10
INGEST_QUEUE_BYTES_MIN = 16 * MIB  # but so much in any case, whatever the disk did a while ago
INGEST_LINE_SECONDS = 4.0  # a request waits so long for room before its body is read; then 429
INGEST_REFUSED_MAX = 10_000  # requests remembered that were refused; 600 bytes each
INGEST_REFUSED_LATE_SECONDS_MAX = 10.0  # nor longer than that after they should be back
INGEST_ARRIVAL_SECONDS = 2.0  # a body has its share so long; then what of it is here
INGEST_LINE_MAX = 1_000  # requests that wait so, each with 64 KiB of its body; past it 429
COMMIT_MESSAGES_MAX = 4_000  # messages in one transaction: bounds its time and the WAL
COMMIT_BYTES_MAX = 64 * MIB  # payload bytes in one transaction
DECODE_THREADS = 2  # bodies decoded at the same time: Python code, so more would not be faster
FEED_BYTES = 256 * 1024  # arrived bytes handed to a decoding thread at once
NAME_CHARS_MAX = 10_000  # a run's or project's name
METADATA_ENTRIES_MAX = 50_000  # of one message; 160,000 held the writer for a minute, 50,000 0.3 s
TAGS_MAX = 100_000  # tags of one run; a million held the writer for seconds
DEPTH_MAX = 10_000  # ancestors in a dotted_order

# The server.
BODY_JSON_BYTES_MAX = 8 * MIB  # a body that is neither ingest nor a query: feedback, projects
HEAD_BYTES_MAX = 64 * 1024  # request line and headers; a link to an attachment is in them
HEAD_SECONDS_MAX = 30.0  # for a whole head, whoever sends it byte by byte
BODY_SILENCE_SECONDS_MAX = 60.0  # between two pieces of a body; slow lines send something
UNREAD_SECONDS_MAX = 30.0  # of a body that was refused already, so that its sender hears why
UNSENT_SECONDS_MAX = 300.0  # without a byte of an answer being read: nobody is there
GC_OBJECTS = 50_000  # objects made and not freed before cycles are looked for; about 10 MB
STOP_SECONDS_MAX = 30  # a graceful stop waits so long for requests under way
INCOMING_SECONDS_MAX = 3_600  # an attachment still not whole after that never will be
RETRY_AFTER_S = 1  # what an overloaded server asks for, at least
RETRY_AFTER_S_MAX = 60  # and at most: as long as our own client waits, and the SDK any time
IDLE_CONNECTION_SECONDS = 75  # kept so long: whoever is refused has his place in line by it
SETTING_MAX = 2**60  # seconds, rows or bytes that a setting may raise a bound to
KEYS_MAX = 1_000  # API keys of one folder; each request is compared with all
KEYS_LOOK_SECONDS = 0.5  # so often a server looks whether keys were made or revoked
KEYS_LOCK_SECONDS = 5.0  # whoever changes the keys waits so long for another who does
ATTACHMENT_URL_SECONDS = 24 * 3_600  # how long a signed attachment URL is good
REQUEST_ID_CHARS_MAX = 128  # longer X-Request-Id values are replaced by our own

# What is derived from a run.
USAGE_TOKENS_MAX = 10**12  # a larger token count is a sender's mistake, and is ignored
USAGE_USD_MAX = 10**4  # cost of one run; 900 such runs in one trace fit 64 bits of picodollars
USAGE_DETAILS_MAX = 100  # kinds of tokens one run may break its prompt or answer down into
PRICE_LOOKUPS_MAX = 10_000  # model names whose price is remembered: senders choose the names
MODEL_NAME_CHARS_MAX = 300  # a longer model name has no price
FEEDBACK_SAMPLE_MAX = 20  # comments, and sources, shown in one key's figures

# Frames and transfers of the client.
PARQUET_GROUP_BYTES = 64 * MIB  # Arrow bytes gathered into one row group, while one is written
PARQUET_GROUP_RUNS = 100_000  # runs in one row group, if they are small
RATE_WINDOW_SECONDS = 10.0  # LangSmith counts requests per 10 s, and so do we
REFUSALS_KEPT_MAX = 1_000  # refusals a ledger tells one by one; its counts are of all
TRANSFER_CHUNK_RUNS = 200  # runs compared with the target at once
TRANSFER_CHUNK_BYTES = 32 * MIB  # or so many bytes of them
LINE_BYTES_MAX = 256 * MIB  # one line of a JSONL file: a run with every payload at its bound

# The embedded engine.
DAMAGE_LOOK_SECONDS = 2.0  # for SQLite to say that its pages are damaged, where rows make no sense
CANDIDATES_MAX = 2_000  # rows a condition may match and still be read first
LISTED_MAX = 10_000  # the same of what the inverted index lists, at 0.2 us; pages read few of it
FIRST_CANDIDATES = 200  # the newest of them, from which the number of all is estimated
WORD_FORMS_MAX = 1_000  # words a searched prefix is spelt out into; 15 us each
WORD_FORMS_LISTED = 40  # the same where all hits are listed: then FTS5's own prefixes are faster
INDEXED_TOKEN_CHARS_MAX = 200  # longer words and values are cut in the index, then rechecked
ROLLUPS_KNOWN_MAX = 300  # figures the writer need not read again; a few kB each
ROLLUP_TAIL_MAX = 4_000  # runs that came last and are in no rollup: figures read them one by one
FEW_CANDIDATES = 64  # so few rows are tested by opening their payloads
TRACE_CANDIDATES_MAX = 1_000  # traces read whole rather than tested run by run
LOOKUP_DEPTH_MAX = 25  # brackets inside brackets of one; FTS5 reads some 30, deeper ones are tested
FEEDBACK_TESTS_MAX = 16  # of a run by SQL: each keeps cursors that the next one opened passes
SQL_VALUES_MAX = 32_766  # values of all filters of one query; SQLite binds no more
LOOKUP_TERMS_MAX = 2_000  # terms of one index expression; more are tested row by row
TRACE_SPAN_SECONDS = 3_600  # traces whose runs start farther apart are listed one by one
TRACE_SPANS_KNOWN_MAX = 20_000  # traces whose span the writer need not read again; 300 bytes each
PROJECTS_MERGED_MAX = 64  # projects whose runs, or feedback, one statement walks side by side
LONG_TRACES_MAX = 1_000  # longer traces that a page is looked for in besides all others
TRACES_WALKED_MAX = 5_000  # traces read whole, newest first, before another way is taken
ARRIVAL_VISITS_MAX = 2_000  # index hits a walk visits past a full page before it gives up
SAMPLE_RUNS = 1_000  # newest runs asked how common a condition is; about 0.3 ms
SAMPLE_ZONES = 1_000  # newest zones asked the same; about 0.1 ms
RECENT_TERMS_MAX = 5_000  # runs whose terms are kept for a patch; about 3 KB each
DICTIONARY_BYTES = 64 * 1024  # zstd dictionary of one folder; larger ones gained little
DICTIONARY_SAMPLE_BYTES = 4 * MIB  # payload bytes it is trained on
DICTIONARY_LOOK_SECONDS = 0.5  # between two looks of an ingest process for one: 2 ms each
DICTIONARY_SAMPLES_MIN = 500  # payloads it is trained on, at least
INGEST_PROCESSES_MAX = 4  # decoding processes; the one writer is busy with fewer
PROCESS_BODY_BYTES_MIN = 16 * 1024  # smaller bodies are decoded before another process wakes
PROCESS_BODY_BYTES_MAX = 8 * MIB  # larger ones are decoded as they arrive, never held whole
PROCESS_IDLE_SECONDS = 10.0  # without a body; then an ingest process gives its memory back
PROCESS_NICENESS = 10  # of a process beside the server: writer and filters never wait for a core
PAGE_PROCESS_IDLE_SECONDS = 60.0  # without a large page; then its process gives its memory back
PROCESS_STOP_SECONDS_MAX = 5.0  # an ingest process has ended by then, or is killed
GATHER_MESSAGES = 1_000  # enough for a transaction; with fewer it waits for others
GATHER_SECONDS = 0.1  # but no longer than this
IDLE_SECONDS = 0.5  # without a write; then the engine may tidy up
TIDY_PAUSE_SECONDS = 0.01  # between two steps of that, for whoever wants to write
PROBE_SECONDS = 1.0  # after a failed write, between two looks whether writing works again
PROBE_BYTES = 1 * MIB  # written by such a look: about a transaction
TIDY_PAGES = 200  # of the index merged in one step: about 10 ms

# Tails.
CHANGES_MAX = 20_000  # rows of the log of changes; half an hour of the busiest writer, then coarser
CHANGES_FOLDED = 16  # its oldest rows that become one
TAILS_MAX = 64  # tails at the same time; each wakes with every transaction
TAIL_CHANGES = 500  # changes a tail looks at in one query
TAIL_PAGE_RUNS = 100  # runs a tail holds at once
TAIL_PAGE_BYTES = 2 * MIB  # and their bytes: with TAILS_MAX, 128 MiB
TAIL_SENT_MAX = 5_000  # runs a tail knows it has sent already, as they stand; 1 MB
TAIL_HEARTBEAT_SECONDS = 15.0  # so often something is sent: proxies drop idle streams after 60 s
TAIL_PAUSE_SECONDS_MAX = 0.5  # between two looks of a tail, when there are many
TAIL_POLL_SECONDS = 0.2  # looks for what another process has written
TAIL_SILENCE_SECONDS = 40.0  # without a sign of life, after which a client connects anew
TAIL_RETRY_SECONDS_MAX = 600.0  # a client gives up then; a restart takes seconds
TAIL_EVENT_BYTES_MAX = 256 * MIB  # one run with its payloads, in a client's memory
TAIL_RECENT_RUNS = 1_000  # a client knows them when a new connection repeats them: TAIL_CHANGES

# Writing from a client.
WRITE_QUEUE_OPERATIONS_MAX = 20_000  # creates, updates, feedback waiting; past it they are dropped
WRITE_QUEUE_BYTES_MAX = 256 * MIB  # the same in bytes of JSON and attachments
WRITE_BATCH_OPERATIONS = 400  # in one request to a Runstore: a third less work than with 100
WRITE_LINGER_SECONDS = 0.1  # a batch that is not full waits so long for more
WRITE_IDLE_SECONDS = 5.0  # a thread that sends ends after so long without a write
WRITE_RETRY_SECONDS_MAX = 300.0  # a batch nobody takes is given up then; a restart takes seconds
WRITE_RETRY_PAUSE_SECONDS_MAX = 15.0  # between two attempts of a batch
WRITE_CLOSE_SECONDS = 30.0  # close() waits so long for what is queued
WRITE_EXIT_SECONDS = 10.0  # so long does a program that ends: somebody sits before it
WRITE_COMPRESSED_BYTES_MIN = 2_048  # smaller bodies gain nothing from zstd
KNOWN_RUNS_MAX = 20_000  # runs whose place in their trace a client remembers; 300 bytes each
WRITE_REFUSALS_KEPT = 100  # newest refusals a client keeps to be asked about
SERDE_NODES_MAX = 1_000_000  # values in one payload that only Python can turn into JSON
LIST_PAGE_ITEMS = 100  # projects or feedback per request of a list; LangSmith takes no more

# Asking from a client.
LANGSMITH_PAGE_RUNS = 100  # runs per page of a server that does not say; LangSmith takes no more
CONNECT_SECONDS = 10.0  # to reach a server; a retry may find another way
READ_SECONDS = 60.0  # between two pieces of an answer; Runstore's own queries end after 30
KEEP_ALIVE_SECONDS = 4.0  # of an idle connection; less than servers' 5, so that none goes stale
CONNECTIONS_MAX = 20  # one client's connections at the same time
ATTEMPTS_MAX = 4  # of one request that meets faults
ATTEMPTS_BUSY_MAX = 10  # of one request that is told to come later
RETRY_PAUSE_SECONDS = 0.5  # before the second attempt; doubled before each further one
RETRY_PAUSE_SECONDS_MAX = 10.0  # between two attempts, unless the server asks for more
RETRY_AFTER_SECONDS_MAX = 60.0  # of a server's Retry-After; a longer one is an error at once
RETRY_SECONDS_MAX = 120.0  # waited in all for one request
EMPTY_PAGES_MAX = 1_000  # pages without a run, one after another, that lead to a further one
ERROR_BODY_CHARS = 500  # shown of an answer that is not of the protocol
LIST_IDS_PER_REQUEST = 100  # ids in the URL of a list: 4 KB, which every proxy lets through

# Verifying a folder.
PROBLEMS_SHOWN = 20  # of one check; the others are counted
