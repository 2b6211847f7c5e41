"""What is stored: the catalog (names, configurations, aliases) and one shard of the engine for each collection."""
