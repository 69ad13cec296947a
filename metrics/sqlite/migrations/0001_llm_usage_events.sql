-- One row for each LLM call. Times are nanoseconds since 1970, UTC; what is unknown
-- or empty is NULL; lists of names are JSON arrays.
CREATE TABLE llm_usage_events (
    id                    INTEGER PRIMARY KEY, -- in the order of writing
    event_id              TEXT,
    trace_id              TEXT,
    span_id               TEXT,
    parent_span_id        TEXT,
    agent_depth           INTEGER NOT NULL,
    agent_id              TEXT,
    started_at            INTEGER NOT NULL,
    finished_at           INTEGER NOT NULL,
    latency_ms            REAL GENERATED ALWAYS AS ((finished_at - started_at) / 1e6) VIRTUAL,
    route_id              TEXT,
    route_kind            TEXT,
    route_protocol        TEXT,
    virtual_key_id        TEXT,
    success               INTEGER NOT NULL,
    status_code           INTEGER NOT NULL,
    error_type            TEXT,
    llm_api               TEXT,
    api_operation         TEXT,
    provider_id           TEXT,
    provider_type         TEXT,
    logical_model         TEXT,
    upstream_model        TEXT,
    credential_source     TEXT,
    credential_id         TEXT,
    stream                INTEGER NOT NULL,
    input_tokens          INTEGER,
    output_tokens         INTEGER,
    total_tokens          INTEGER,
    cache_read_tokens     INTEGER,
    cache_write_tokens    INTEGER,
    reasoning_tokens      INTEGER,
    cost_usd              REAL,
    usage_finalized       INTEGER NOT NULL,
    attempts              INTEGER NOT NULL,
    time_to_first_byte_ms REAL,
    request_tool_count    INTEGER NOT NULL,
    request_tool_names    TEXT,
    tool_call_count       INTEGER NOT NULL,
    tool_names            TEXT
);

CREATE INDEX llm_usage_events_started ON llm_usage_events (started_at);
CREATE INDEX llm_usage_events_key ON llm_usage_events (virtual_key_id, started_at) WHERE virtual_key_id IS NOT NULL;
CREATE INDEX llm_usage_events_agent ON llm_usage_events (agent_id, started_at) WHERE agent_id IS NOT NULL;
