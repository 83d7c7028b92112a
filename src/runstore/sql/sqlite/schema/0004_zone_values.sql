-- The largest values among each 128 rids: lets a search for rare ones pass over all other zones.
ALTER TABLE zones ADD COLUMN latency_max_us INTEGER; -- NULL: no run has one
ALTER TABLE zones ADD COLUMN tokens_max INTEGER;     -- total_tokens
ALTER TABLE zones ADD COLUMN cost_max INTEGER;       -- total_cost, picodollars

UPDATE zones SET (latency_max_us, tokens_max, cost_max) = (
    SELECT max(latency_us), max(total_tokens), max(total_cost) FROM runs
    WHERE rid BETWEEN zone << 7 AND (zone << 7) + 127
);
