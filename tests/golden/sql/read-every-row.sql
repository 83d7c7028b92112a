SELECT count(*) FROM runs AS r WHERE TRUE;
