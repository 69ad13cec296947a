package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/hostcheck"
)

// guard refuses what a browser may have been talked into: requests of pages of
// another origin, and Host names that are not this machine's where the request
// came in over loopback, as after DNS rebinding.
func (a *api) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		known := origin != "" && slices.ContainsFunc(a.Origins, func(o string) bool { return strings.EqualFold(o, origin) })
		switch {
		case hostcheck.OverLoopback(r) && !hostcheck.IsLoopback(r.Host) && !a.knownHost(r.Host):
			fail(w, http.StatusForbidden, "", "the Host %.100q is not a name of this machine: use localhost, or allow it with --admin-origin", r.Host)
			return
		case origin != "" && !known && !sameHost(origin, r.Host):
			fail(w, http.StatusForbidden, "", "the Origin %.100q may not use the Admin API: allow it with --admin-origin", origin)
			return
		case origin == "" && r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Method != http.MethodGet && r.Method != http.MethodHead:
			fail(w, http.StatusForbidden, "", "a page of another site may not use the Admin API")
			return
		}
		if known {
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Add("Vary", "Origin")
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *api) knownHost(host string) bool {
	return slices.ContainsFunc(a.Origins, func(o string) bool {
		u, err := url.Parse(o)
		return err == nil && (strings.EqualFold(u.Host, host) || strings.EqualFold(u.Hostname(), hostcheck.Name(host)))
	})
}

func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
