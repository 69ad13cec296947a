package configstore

import (
	"strconv"
	"strings"
	"time"
)

// Credential is a further key for a provider, or for every provider of a type.
// Keys are tried in the order of their priority, highest first, after the
// provider's own.
type Credential struct {
	ID           string               `json:"id" jsonschema:"required"`
	ProviderID   string               `json:"provider_id,omitempty" agw:"ref=provider"`
	ProviderType string               `json:"provider_type,omitempty"`
	Type         string               `json:"type,omitempty" jsonschema:"enum=api_key"`
	Label        string               `json:"label,omitempty"`
	Scope        string               `json:"scope,omitempty"`
	Attributes   CredentialAttributes `json:"attributes,omitzero"`
	Metadata     map[string]string    `json:"metadata,omitempty"`
	Disabled     bool                 `json:"disabled"`
	*Meta
	*CredentialState
}

// CredentialState is how a credential fares. Like Meta it is the server's to say.
type CredentialState struct {
	// Unavailable says that the credential rests until NextRetryAfter, because of
	// LastError.
	Unavailable    bool      `json:"unavailable"`
	NextRetryAfter time.Time `json:"next_retry_after,omitzero"`
	LastError      string    `json:"last_error,omitempty"`
	// AuthInvalid says that the upstream did not accept the key itself.
	AuthInvalid bool `json:"auth_invalid"`
}

// CredentialAttributes are what a credential authenticates with.
type CredentialAttributes struct {
	APIKey   Secret `json:"api_key,omitzero"`
	BaseURL  string `json:"base_url,omitempty"`
	Priority string `json:"priority,omitempty"`
	// AccountID is whose the key is, where the upstream asks for that (codex).
	AccountID string `json:"account_id,omitempty"`
}

// ObjectID implements [Object].
func (c *Credential) ObjectID() string { return c.ID }

// Default implements [Defaulter]: the type is api_key, and the scope is the
// provider's, else the type's.
func (c *Credential) Default() {
	if c.Type == "" {
		c.Type = "api_key"
	}
	if c.Scope == "" && c.ProviderID != "" {
		c.Scope = "id:" + c.ProviderID
	}
	if c.Scope == "" && c.ProviderType != "" {
		c.Scope = "type:" + c.ProviderType
	}
}

// reserved says whether a scope is one of a provider or of a type. Any other is for the
// managed models that name it.
func reserved(scope string) bool {
	return strings.HasPrefix(scope, "id:") || strings.HasPrefix(scope, "type:")
}

// Validate implements [Object].
func (c *Credential) Validate() []Fault {
	var f faults
	f.id(c.ID)
	f.oneOf("type", c.Type, "api_key")
	if c.ProviderID == "" && c.ProviderType == "" {
		f.add("provider_id", "is required: a credential belongs to a provider, or with provider_type to every provider of a type")
	}
	if c.ProviderID != "" && reserved(c.Scope) && c.Scope != "id:"+c.ProviderID && (c.ProviderType == "" || c.Scope != "type:"+c.ProviderType) {
		f.add("scope", "is %q; it must be %q, or %q with a provider_type, or a name that managed models have as their credential_scope", c.Scope, "id:"+c.ProviderID, "type:<provider_type>")
	}
	if c.ProviderID == "" && c.ProviderType != "" && reserved(c.Scope) && c.Scope != "type:"+c.ProviderType {
		f.add("scope", "is %q; without a provider_id it must be %q", c.Scope, "type:"+c.ProviderType)
	}
	f.key("attributes.api_key", c.Attributes.APIKey)
	f.url("attributes.base_url", c.Attributes.BaseURL, "http", "https")
	if p := c.Attributes.Priority; p != "" {
		if _, err := strconv.Atoi(p); err != nil {
			f.add("attributes.priority", "is %q; it must be a whole number in a string", p)
		}
	}
	return f
}
