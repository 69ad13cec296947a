// Package hostcheck tells requests that came to this machine under a name that is
// not its own: a web page can make a browser send those, by rebinding its own
// name to 127.0.0.1.
package hostcheck

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// OverLoopback says whether the request came in on a loopback address.
func OverLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

// Rebound says whether the request came to this machine under a name that is not its own,
// and by no proxy, whose name that could be. A page cannot hide its origin behind a
// proxy's headers.
func Rebound(r *http.Request) bool {
	return OverLoopback(r) && !IsLoopback(r.Host) && (r.Header["Origin"] != nil || !forwarded(r.Header))
}

// FromLoopback says whether a program on this machine made the request, for itself:
// one that came through a proxy is somebody else's. Where the addresses are not
// known, nobody did.
func FromLoopback(r *http.Request) bool {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && remote.Addr().Unmap().IsLoopback() && OverLoopback(r) && IsLoopback(r.Host) && !forwarded(r.Header)
}

// forwarded says whether a proxy has left a trace.
func forwarded(h http.Header) bool {
	for name := range h {
		switch name {
		case "Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Host", "True-Client-Ip", "Cf-Connecting-Ip":
			return true
		}
		if strings.HasPrefix(name, "X-Forwarded-") {
			return true
		}
	}
	return false
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
