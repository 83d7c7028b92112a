"""The benchmark's workload, for any server of LangSmith's protocol: runs, questions, times."""
