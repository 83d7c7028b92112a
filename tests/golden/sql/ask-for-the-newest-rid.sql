SELECT max(rid) FROM runs;
