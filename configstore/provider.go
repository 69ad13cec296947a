package configstore

// Provider is an LLM upstream: where it is, how to authenticate, and how to
// treat its connections.
type Provider struct {
	ID           string          `json:"id" jsonschema:"required"`
	ProviderType string          `json:"provider_type" jsonschema:"required"`
	APIKey       Secret          `json:"api_key,omitzero"`
	BaseURL      string          `json:"base_url,omitempty"`
	DefaultModel string          `json:"default_model,omitempty"`
	Disabled     bool            `json:"disabled"`
	Network      Network         `json:"network,omitzero"`
	Options      ProviderOptions `json:"options,omitzero"`
	*Meta
}

// Network bounds a provider's connections and retries; a zero field means the
// default that package llm documents.
type Network struct {
	RequestTimeoutSeconds       float64           `json:"request_timeout_seconds,omitempty"`
	MaxRetries                  int               `json:"max_retries,omitempty"`
	RetryDelaySeconds           float64           `json:"retry_delay_seconds,omitempty"`
	MaxIdleConnections          int               `json:"max_idle_connections,omitempty"`
	MaxIdleConnectionsPerHost   int               `json:"max_idle_connections_per_host,omitempty"`
	IdleKeepAliveTimeoutSeconds float64           `json:"idle_keep_alive_timeout_seconds,omitempty"`
	ProxyURL                    string            `json:"proxy_url,omitempty"`
	ExtraHeaders                map[string]Secret `json:"extra_headers,omitempty"`
}

// ProviderOptions shape requests for compatibility.
type ProviderOptions struct {
	// Compact drops fields that an upstream is known to refuse: "cc", "codex" or
	// "none". Types ignore modes that they do not implement.
	Compact string `json:"compact,omitempty" jsonschema:"enum=cc,enum=codex,enum=none"`
	// API is which of OpenAI's APIs an upstream of that protocol has to ask a model
	// with: "chat", "responses", or what its type has.
	API string `json:"api,omitempty" jsonschema:"enum=chat,enum=responses"`
	// APIVersion is for Azure: a dated version, or its current API when empty.
	APIVersion string `json:"api_version,omitempty"`
}

// ObjectID implements [Object].
func (p *Provider) ObjectID() string { return p.ID }

// Validate implements [Object].
func (p *Provider) Validate() []Fault {
	var f faults
	f.id(p.ID)
	f.required("provider_type", p.ProviderType)
	f.key("api_key", p.APIKey)
	f.url("base_url", p.BaseURL, "http", "https")
	if p.ProviderType == "openai_compatible" {
		f.required("base_url", p.BaseURL)
	}
	f.url("network.proxy_url", p.Network.ProxyURL, "http", "https", "socks5", "socks5h")
	f.headers("network.extra_headers", p.Network.ExtraHeaders)
	f.notNegative("network.request_timeout_seconds", p.Network.RequestTimeoutSeconds)
	f.notNegative("network.max_retries", float64(p.Network.MaxRetries))
	f.atMost("network.max_retries", float64(p.Network.MaxRetries), 10)
	f.notNegative("network.retry_delay_seconds", p.Network.RetryDelaySeconds)
	f.notNegative("network.max_idle_connections", float64(p.Network.MaxIdleConnections))
	f.notNegative("network.max_idle_connections_per_host", float64(p.Network.MaxIdleConnectionsPerHost))
	f.notNegative("network.idle_keep_alive_timeout_seconds", p.Network.IdleKeepAliveTimeoutSeconds)
	f.oneOf("options.compact", p.Options.Compact, "", "cc", "codex", "none")
	f.oneOf("options.api", p.Options.API, "", "chat", "responses")
	return f
}
