package admin

import (
	"net/http"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/hostcheck"
	"github.com/agent-gateway/agent-gateway/internal/runtime"
)

// stdioRefused reads on after the field "transport".
const stdioRefused = "is stdio, which runs a command on the gateway's machine: write it from that machine over loopback, or into the static configuration, or start the gateway with --allow-stdio (a program: WithAllowStdio)"

// apply is Runtime.Apply for one object; who may not have the gateway run commands
// is refused.
func (a *api) apply(r *http.Request, plan func(*runtime.Set) ([]runtime.Change, error)) error {
	return a.Runtime.Apply(r.Context(), false, func(set *runtime.Set) ([]runtime.Change, error) {
		changes, err := plan(set)
		if err != nil {
			return nil, err
		}
		if unwelcome := a.unwelcome(r, set, changes); len(unwelcome) > 0 {
			c := unwelcome[0]
			return nil, errorf(http.StatusForbidden, "transport", "%s %s: transport %s", c.Kind.Name, c.ID, stdioRefused)
		}
		return changes, nil
	})
}

// unwelcome returns the changes that make the gateway run a command, unless the
// request may do that. It may when it was made on this machine, since who made it can
// run commands there as it is, or when the operator allows it to everybody.
func (a *api) unwelcome(r *http.Request, set *runtime.Set, changes []runtime.Change) (out []runtime.Change) {
	if a.AllowStdio || hostcheck.FromLoopback(r) {
		return nil
	}
	for _, c := range changes {
		s, ok := c.Object.(*configstore.MCPService)
		if ok && s.Stdio() && !onlyDisables(set.Get(c.Kind.Name, c.ID), s) {
			out = append(out, c)
		}
	}
	return out
}

// onlyDisables says whether a service differs from what is there in nothing but that
// it is disabled.
func onlyDisables(e *runtime.Entry, next *configstore.MCPService) bool {
	if e == nil || !next.Disabled {
		return false
	}
	prev := configstore.Clone(e.Object)
	configstore.SetDisabled(prev, true)
	return configstore.Same(prev, next)
}
