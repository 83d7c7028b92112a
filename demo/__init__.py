"""A LangGraph agent traced into a fresh Runstore, and the SDK's documented questions about it."""
