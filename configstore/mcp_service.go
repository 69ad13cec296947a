package configstore

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The transports of MCP services.
const (
	TransportStreamableHTTP = "streamable_http"
	TransportSSE            = "sse"
	TransportStdio          = "stdio"
)

// Who shares an upstream session of an MCP service.
const (
	IsolationSession = "session" // nobody: each caller's session has its own
	IsolationKey     = "key"     // the callers with one virtual key
	IsolationShared  = "shared"  // everybody
)

// DefaultAuditBytes bounds the arguments that an audit captures, unless it says.
const DefaultAuditBytes = 4096

// MCPService is an MCP server: where it is, or which command starts it.
type MCPService struct {
	ID          string `json:"id" jsonschema:"required"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	Transport   string `json:"transport" jsonschema:"required,enum=streamable_http,enum=sse,enum=stdio"`

	// URL is where an HTTP transport finds the server. PostURL is where messages
	// go with sse, when the server does not say so itself.
	URL     string            `json:"url,omitempty"`
	PostURL string            `json:"post_url,omitempty"`
	Headers map[string]Secret `json:"headers,omitempty"`
	Auth    MCPAuth           `json:"auth,omitzero"`

	// Command is one program, started without a shell; Args, Env and Cwd are its.
	Command string            `json:"command,omitempty"`
	Args    []string          `json:"args,omitempty"`
	Env     map[string]Secret `json:"env,omitempty"`
	Cwd     string            `json:"cwd,omitempty"`

	// Isolation says who shares an upstream session: key with stdio, else session,
	// unless it is given.
	Isolation string `json:"isolation,omitempty" jsonschema:"enum=session,enum=key,enum=shared"`
	// MaxInstances bounds upstream sessions at once; 0 is the gateway's bound.
	MaxInstances int `json:"max_instances,omitempty"`
	// MaxInstancesPerKey bounds those of one virtual key, and of all callers without
	// one; 0 is the gateway's bound.
	MaxInstancesPerKey int `json:"max_instances_per_key,omitempty"`
	// IdleTTL is how long an upstream session may rest before it is closed, as
	// "10m"; empty is the gateway's own time.
	IdleTTL string `json:"idle_ttl,omitempty"`

	// WithholdCapabilities are what callers can do that the server is not told of and
	// may not ask for: roots, sampling, elicitation.
	WithholdCapabilities []string `json:"withhold_capabilities,omitempty"`

	Audit    MCPAudit `json:"audit,omitzero"`
	Disabled bool     `json:"disabled"`
	*Meta
}

// MCPAudit says what events keep of the calls of tools.
type MCPAudit struct {
	CaptureToolArgs bool `json:"capture_tool_args,omitempty"`
	// MaxBytes bounds the arguments that are captured.
	MaxBytes int `json:"max_bytes,omitempty"`
}

// ObjectID implements [Object].
func (s *MCPService) ObjectID() string { return s.ID }

// Stdio says whether the service is a command that the gateway runs.
func (s *MCPService) Stdio() bool { return s.Transport == TransportStdio }

// IdleTime is IdleTTL; 0 when it is not given.
func (s *MCPService) IdleTime() time.Duration {
	d, err := time.ParseDuration(s.IdleTTL)
	if err != nil { // empty; Validate refuses all others
		return 0
	}
	return d
}

// Default implements [Defaulter].
func (s *MCPService) Default() {
	switch {
	case s.Isolation != "":
	case s.Stdio():
		s.Isolation = IsolationKey
	default:
		s.Isolation = IsolationSession
	}
	if s.Audit.CaptureToolArgs && s.Audit.MaxBytes == 0 {
		s.Audit.MaxBytes = DefaultAuditBytes
	}
}

// maxAuditBytes keeps events small enough to be stored by the thousand.
const maxAuditBytes = 64 << 10

// Validate implements [Object].
func (s *MCPService) Validate() []Fault {
	var f faults
	f.id(s.ID)
	f.oneOf("transport", s.Transport, TransportStreamableHTTP, TransportSSE, TransportStdio)
	switch s.Transport {
	case TransportStdio:
		s.validateStdio(&f)
	case TransportStreamableHTTP, TransportSSE:
		s.validateHTTP(&f)
	}
	f.oneOf("isolation", s.Isolation, "", IsolationSession, IsolationKey, IsolationShared)
	f.notNegative("max_instances", float64(s.MaxInstances))
	f.notNegative("max_instances_per_key", float64(s.MaxInstancesPerKey))
	if s.MaxInstances > 0 && s.MaxInstancesPerKey > s.MaxInstances {
		f.add("max_instances_per_key", "is more than max_instances, which is %d", s.MaxInstances)
	}
	for i, name := range s.WithholdCapabilities {
		f.oneOf(fmt.Sprintf("withhold_capabilities[%d]", i), name, "roots", "sampling", "elicitation")
		if slices.Contains(s.WithholdCapabilities[:i], name) {
			f.add(fmt.Sprintf("withhold_capabilities[%d]", i), "is %q a second time", name)
		}
	}
	f.duration("idle_ttl", s.IdleTTL)
	f.notNegative("audit.max_bytes", float64(s.Audit.MaxBytes))
	f.atMost("audit.max_bytes", float64(s.Audit.MaxBytes), maxAuditBytes)
	return f
}

// foreign refuses fields of other transports, which would do nothing here.
func (s *MCPService) foreign(f *faults, of string, given map[string]bool) {
	for _, field := range slices.Sorted(maps.Keys(given)) {
		if given[field] {
			f.add(field, "is for transport %s; this service has %s", of, s.Transport)
		}
	}
}

func (s *MCPService) validateStdio(f *faults) {
	s.foreign(f, "streamable_http or sse", map[string]bool{
		"url": s.URL != "", "post_url": s.PostURL != "", "headers": len(s.Headers) > 0, "auth": s.Auth != MCPAuth{},
	})
	switch {
	case s.Command == "":
		f.add("command", "is required with transport stdio")
	case strings.ContainsRune(s.Command, 0):
		f.add("command", "has a NUL in it")
	case strings.ContainsAny(s.Command, `/\`):
		if !absolute(s.Command) {
			f.add("command", "is a relative path: give an absolute one, or a name alone to have it found in PATH")
		}
	case strings.ContainsAny(s.Command, " \t\r\n"):
		f.add("command", "is more than one word: it is the program alone, without a shell; what follows it goes into args")
	}
	for i, arg := range s.Args {
		if strings.ContainsRune(arg, 0) {
			f.add(fmt.Sprintf("args[%d]", i), "has a NUL in it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		switch {
		case name == "" || strings.ContainsAny(name, "=\x00"):
			f.add("env", "has %q, which cannot name a variable", name)
		case strings.ContainsRune(s.Env[name].Reveal(), 0):
			f.add("env."+name, "has a NUL in it")
		}
	}
	if s.Cwd != "" && (!absolute(s.Cwd) || strings.ContainsRune(s.Cwd, 0)) {
		f.add("cwd", "is %q; it must be an absolute path", s.Cwd)
	}
}

// absolute goes by both systems' rules: a bundle may be checked on one machine and
// served on another.
func absolute(path string) bool { return strings.HasPrefix(path, "/") || filepath.IsAbs(path) }

func (s *MCPService) validateHTTP(f *faults) {
	s.foreign(f, TransportStdio, map[string]bool{
		"command": s.Command != "", "args": len(s.Args) > 0, "env": len(s.Env) > 0, "cwd": s.Cwd != "",
	})
	f.required("url", s.URL)
	f.endpoint("url", s.URL)
	if s.Transport != TransportSSE {
		s.foreign(f, TransportSSE, map[string]bool{"post_url": s.PostURL != ""})
	} else {
		f.endpoint("post_url", s.PostURL)
	}
	f.headers("headers", s.Headers)
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case seen[canonical]:
			f.add("headers."+name, "is there twice: case makes no difference in a header's name")
		case canonical == "Authorization" && s.Auth.Type != "":
			f.add("headers.Authorization", "is set by auth: give one of the two")
		case reservedHeader(canonical):
			f.add("headers."+name, "is set by the gateway itself")
		}
		seen[canonical] = true
	}
	s.Auth.validate(f)
}

// endpoint accepts a URL that requests go to as it is. It may have a query, as some
// servers' addresses do.
func (f *faults) endpoint(field, v string) {
	u, err := url.Parse(v)
	if err == nil && u.Fragment != "" {
		f.add(field, "must not carry a fragment (#…)")
		return
	}
	if err == nil {
		u.RawQuery = ""
		v = cmp.Or(u.String(), v)
	}
	f.url(field, v, "http", "https")
}

// reservedHeader says whether a header belongs to a connection, to a message or to the
// protocol, beside those that no provider may have either.
func reservedHeader(canonical string) bool {
	switch canonical {
	case "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Accept", "Last-Event-Id":
		return true
	}
	return !slices.Contains(notForExtraHeaders, canonical) && (strings.HasPrefix(canonical, "Content-") || strings.HasPrefix(canonical, "Mcp-"))
}
