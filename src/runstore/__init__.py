"""Runstore: the open run store for LLM and agent traces."""
