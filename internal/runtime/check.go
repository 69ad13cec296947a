package runtime

import (
	"strconv"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// checkRouteIDs refuses one id for routes of two kinds: a virtual key that allows it
// would allow both.
func checkRouteIDs(set *Set) (problems Problems) {
	for id := range set.entries["mcp_route"] {
		if set.Get("llm_route", id) != nil {
			problems = append(problems, sameID("mcp_route", id, "llm_route"), sameID("llm_route", id, "mcp_route"))
		}
	}
	return problems
}

func sameID(kind, id, other string) Problem {
	return Problem{Kind: kind, ID: id, Field: "id", Conflict: true, Other: id, Text: "is that of " + other + " " + strconv.Quote(id) + " too: the ids of routes are unique across protocols"}
}

// checkServiceAuth refuses MCP services that would authenticate with nothing. Only
// here are the secrets complete that an update keeps.
func checkServiceAuth(set *Set) (problems Problems) {
	for id, e := range set.entries["mcp_service"] {
		if a := e.Object.(*configstore.MCPService).Auth; a.Type == "bearer" && a.Token.Reveal() == "" {
			problems = append(problems, Problem{Kind: "mcp_service", ID: id, Field: "auth.token", Text: "is required with type bearer"})
		}
	}
	return problems
}
