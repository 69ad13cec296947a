-- What a request that took several upstream calls met, and what a translation dropped;
-- both JSON arrays.
ALTER TABLE llm_usage_events ADD COLUMN attempts_json TEXT;
ALTER TABLE llm_usage_events ADD COLUMN dropped_fields TEXT;
