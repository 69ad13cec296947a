package admin

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// guard refuses what a browser may have been talked into: requests of pages of
// another origin, and Host names that are not this machine's where the request
// came in over loopback, as after DNS rebinding.
func (a *api) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		known := origin != "" && slices.ContainsFunc(a.Origins, func(o string) bool { return strings.EqualFold(o, origin) })
		switch {
		case overLoopback(r) && !loopbackName(r.Host) && !a.knownHost(r.Host):
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

// overLoopback says whether the request came in on a loopback address.
func overLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

func loopbackName(host string) bool {
	name := hostname(host)
	ip := net.ParseIP(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || ip != nil && ip.IsLoopback()
}

func (a *api) knownHost(host string) bool {
	return slices.ContainsFunc(a.Origins, func(o string) bool {
		u, err := url.Parse(o)
		return err == nil && (strings.EqualFold(u.Host, host) || strings.EqualFold(u.Hostname(), hostname(host)))
	})
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
