package sse

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

func absolute(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("it is not an absolute one of http or https") // it may hold a secret, and is not quoted
	}
	return u, nil
}

const (
	maxEndpoint  = 8 << 10 // bytes of an endpoint
	maxRedirects = 5
)

// endpoint is where messages go: to what the server says, on the origin of the stream at
// base. Where an address is configured, only the query is the server's: the session's id
// is in it.
func endpoint(base, configured *url.URL, data []byte) (*url.URL, error) {
	if len(data) > maxEndpoint {
		return nil, errors.New("sse: the endpoint that the server names is too long")
	}
	said, err := base.Parse(strings.TrimSpace(string(data)))
	if err != nil || said.Opaque != "" {
		return nil, errors.New("sse: the endpoint that the server names is not a URL")
	}
	said.Fragment, said.RawFragment = "", ""
	if configured != nil {
		u := *configured
		if u.RawQuery != "" && said.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += said.RawQuery
		return &u, nil
	}
	if !sameOrigin(base, said) {
		return nil, errors.New("sse: the endpoint that the server names has another origin than its stream; if that is right, say so in post_url")
	}
	said.User = base.User
	return said, nil
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// checkRedirect follows a redirect that leads to the same origin and keeps the method:
// to what else it leads, neither credentials nor messages go.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if first := via[0]; len(via) > maxRedirects || r.Method != first.Method || !sameOrigin(r.URL, first.URL) {
		return http.ErrUseLastResponse
	}
	return nil
}
