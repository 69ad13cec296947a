-- One row for each MCP message; stored as in llm_usage_events.
CREATE TABLE mcp_usage_events (
    id                  INTEGER PRIMARY KEY, -- in the order of writing
    event_id            TEXT,
    trace_id            TEXT,
    span_id             TEXT,
    parent_span_id      TEXT,
    agent_depth         INTEGER NOT NULL,
    agent_id            TEXT,
    started_at          INTEGER NOT NULL,
    finished_at         INTEGER NOT NULL,
    latency_ms          REAL NOT NULL,
    route_id            TEXT,
    route_kind          TEXT,
    route_protocol      TEXT,
    virtual_key_id      TEXT,
    success             INTEGER NOT NULL,
    status_code         INTEGER NOT NULL,
    error_type          TEXT,
    request_id          TEXT,
    service_id          TEXT,
    method              TEXT,
    tool_name           TEXT,
    presented_tool_name TEXT,
    executed_tool_name  TEXT,
    execution_mode      TEXT,
    policy_action       TEXT,
    resource_uri        TEXT,
    prompt_name         TEXT,
    arg_count           INTEGER NOT NULL,
    result_status       TEXT,
    cancelled           INTEGER NOT NULL,
    tool_args_json      TEXT
);

CREATE INDEX mcp_usage_events_started ON mcp_usage_events (started_at);
