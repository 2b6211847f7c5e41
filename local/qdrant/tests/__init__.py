"""Conformance tests: against the Qdrant for one machine, and against the server at QDRANT_URL if it is set."""
