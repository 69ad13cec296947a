package llmproxy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/balance"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/models"
)

// Target is a provider as a route reaches it. It is immutable.
type Target struct {
	ProviderID, ProviderType string
	Provider                 llm.Provider
	// DefaultModel is asked for when a request names none.
	DefaultModel string
	// Credentials are what it may be called with, but for the models in Scoped, which
	// have their own.
	Credentials *Credentials
	Scoped      map[string]*Credentials
	// Off are the models that are neither listed nor served, where the route names no
	// models of its own.
	Off map[string]bool
	// MaxRetries is how often a failed call is made again, after RetryDelay,
	// which doubles each time.
	MaxRetries int
	RetryDelay time.Duration
	// Model tells what is known of one of its models, Models which ones are known.
	Model  func(model string) models.Info
	Models func() []string
	// Discover asks the provider for its models, unless it was asked lately.
	Discover func(ctx context.Context)
	// Retries bounds the retries of all calls to the provider together.
	Retries *balance.RetryBudget
}

// Candidate is one place where a call can go.
type Candidate struct {
	*Target
	// Upstream is the model's name there; "" is the one that the request has.
	Upstream string
	// Key and Health are zero where there is no choice. The key has the name as it is
	// configured, with its *.
	Key    balance.Key
	Health *balance.Health
	// Detours bounds the calls that come here because others failed, or were made here
	// before; nil where there is no choice.
	Detours *balance.Detours
}

// credentials are what the candidate may be called with for a model.
func (c *Candidate) credentials(model string) *Credentials {
	if own := c.Scoped[model]; own != nil {
		return own
	}
	return c.Credentials
}

// Plan is what a route's target policy was compiled to. It is immutable.
type Plan struct {
	// Direct is the one target of all models; nil where Models choose.
	Direct *Target
	// Models are the logical models by name, Patterns those with a * in theirs, the
	// most specific first.
	Models   map[string]*Logical
	Patterns []*Logical
	// Default is the logical model of requests that name none.
	Default string
	// Fallback is how many other candidates are asked when one fails.
	Fallback int
	Timeouts Timeouts
	// Affinity remembers where conversations went; nil where there is no choice.
	Affinity *Affinity
}

// Timeouts bound the upstream calls of a route; 0 is no bound beside the provider's.
type Timeouts struct{ Connect, FirstByte, Idle, Total time.Duration }

// Logical is a logical model.
type Logical struct {
	Name string
	// Match says whether a name fits the pattern, and what stands for its *.
	Match func(model string) (star string, ok bool)
	// Group is nil when no provider of a candidate is enabled.
	Group      *balance.Group
	Candidates []Candidate
}

// candidate is the i-th one, for a caller whose model has star for the * of the name.
func (m *Logical) candidate(i int, star string) Candidate {
	c := m.Candidates[i]
	if strings.Contains(m.Name, "*") {
		c.Upstream = strings.Replace(c.Upstream, "*", star, 1)
	}
	return c
}

// ListModels lists the models that the route is known to serve: the logical ones by
// name, or those that its provider is known to have.
func (p *Plan) ListModels(ctx context.Context) (names []string) {
	if t := p.Direct; t != nil {
		if names = t.Models(); len(names) == 0 {
			t.Discover(ctx)
			names = t.Models()
		}
		return names
	}
	for _, m := range p.Models {
		names = append(names, m.Name)
	}
	return names
}

// find returns the logical model of a name, and what stood for its *.
func (p *Plan) find(model string) (*Logical, string) {
	if m := p.Models[model]; m != nil {
		return m, ""
	}
	for _, m := range p.Patterns {
		if star, ok := m.Match(model); ok {
			return m, star
		}
	}
	return nil, ""
}

// choose finds out where the call can go.
func (x *exchange) choose() error {
	p := x.hop.Plan
	if p.Direct != nil {
		if p.Direct.Off[x.req.model] {
			return unknownModel(x.req.model)
		}
		x.direct, x.most = Candidate{Target: p.Direct}, 1
		return nil
	}
	if !x.hop.Endpoint.NamesModel() {
		return &llm.Error{Code: llm.CodeUnsupported, NoRetry: true,
			Message: "this route chooses the provider by the model's name, and this endpoint names none: use a route with a direct provider"}
	}
	if x.req.model == "" {
		x.req.model = p.Default
	}
	if x.req.model == "" {
		return &llm.Error{Code: llm.CodeInvalidRequest, Message: "model: it is required: name one of the route's models", Param: "model"}
	}
	m, star := p.find(x.req.model)
	if m == nil {
		return unknownModel(x.req.model)
	}
	if m.Group == nil {
		return &llm.Error{Code: llm.CodeUnavailable, Status: 503, NoRetry: true, Message: fmt.Sprintf("the model %q cannot be served: all of its providers are disabled", x.req.model), Param: "model"}
	}
	x.logical, x.star, x.llm.LogicalModel = m, star, x.req.model
	x.order = m.Group.Order(x.preferred(m))
	for i := range m.Candidates {
		m.Candidates[i].Detours.Call()
	}
	x.most = min(len(m.Candidates), p.Fallback+1)
	return nil
}

func unknownModel(name string) error {
	return &llm.Error{Code: llm.CodeModelNotFound, Message: fmt.Sprintf("the model %q is not known to this route: GET /v1/models lists those that are", name), Param: "model"}
}
