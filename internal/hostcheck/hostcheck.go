// Package hostcheck tells requests that came to this machine under a name that is
// not its own: a web page can make a browser send those, by rebinding its own
// name to 127.0.0.1.
package hostcheck

import (
	"net"
	"net/http"
	"strings"
)

// OverLoopback says whether the request came in on a loopback address.
func OverLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

// IsLoopback says whether a Host header names this machine.
func IsLoopback(host string) bool {
	name := Name(host)
	ip := net.ParseIP(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || ip != nil && ip.IsLoopback()
}

// Name is the host of a Host header, without port and in lower case.
func Name(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}
