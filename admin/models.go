package admin

import (
	"errors"
	"net/http"

	"github.com/agent-gateway/agent-gateway/internal/runtime"
	"github.com/agent-gateway/agent-gateway/llm"
)

// discoveredModels lists the models that a provider has said it has.
func (a *api) discoveredModels(w http.ResponseWriter, r *http.Request) {
	id := pathParam(r, "provider_id")
	items, err := a.Runtime.Discovered(r.Context(), id)
	if err != nil {
		fail(w, http.StatusNotFound, "", "there is no provider %q", id)
		return
	}
	reply(w, http.StatusOK, map[string]any{"items": items})
}

// refreshModels asks a provider for its models. When it does not say, those of the
// last time stay, marked with the error.
func (a *api) refreshModels(w http.ResponseWriter, r *http.Request) {
	id := pathParam(r, "provider_id")
	items, err := a.Runtime.RefreshModels(r.Context(), id)
	switch {
	case errors.Is(err, runtime.ErrNoProvider):
		fail(w, http.StatusNotFound, "", "there is no provider %q, or it is disabled", id)
	case errors.Is(err, runtime.ErrNoListing):
		fail(w, http.StatusNotImplemented, "", "provider %q is of a type that cannot list its models: add them under llm/models/managed", id)
	case err != nil:
		a.Log.WarnContext(r.Context(), "a provider does not list its models", "provider", id, "error", err)
		fail(w, http.StatusBadGateway, "", "provider %q does not list its models: %s", id, llm.AsError(err).Message)
	default:
		reply(w, http.StatusOK, map[string]any{"provider_id": id, "items": items})
	}
}
