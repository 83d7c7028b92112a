"""Tests of the benchmark anyone can run."""
