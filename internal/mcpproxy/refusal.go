package mcpproxy

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// refusal says what it may mean that a server has refused a request; opening, that it was
// the first one. What is between the gateway and the server is for operators.
func refusal(svc *Service, status *mcp.StatusError, opening, operator bool) string {
	said := fmt.Sprintf("has answered %d", status.Code)
	ofCredentials := status.Code == http.StatusUnauthorized || status.Code == http.StatusForbidden
	quoted := ""
	if text := words(svc, status, operator); text != "" {
		quoted = fmt.Sprintf(" (%q)", text)
	}
	switch {
	case ofCredentials && operator:
		return fmt.Sprintf("has refused the gateway's credentials (%d)%s; look at its auth, and at the hosts that it allows", status.Code, quoted)
	case ofCredentials:
		return fmt.Sprintf("has refused the gateway's credentials (%d); look at its auth", status.Code)
	case status.Code >= 300 && status.Code < 400:
		return said + quoted + ", a redirect that is not followed: give its url as it is"
	case opening && status.Code < 500 && svc.TransportName == "sse":
		return said + quoted + ": look at its url, and at its transport, which is sse; newer servers have streamable_http"
	case opening && status.Code < 500:
		return said + quoted + ": look at its url, and at its transport, which is streamable_http; older servers have sse"
	}
	return said + quoted
}

// maxWords bounds the bytes of a refusal's text that are shown.
const maxWords = 200

// words is the first line of what a server says with a refusal, "" for nothing that can be
// shown. A page is not; to callers only errors of JSON-RPC are, and plain text where the
// request was wrong.
func words(svc *Service, status *mcp.StatusError, operator bool) string {
	text := rpcErrorText(status.Body)
	if text == "" {
		kind := strings.ToLower(status.Header.Get("Content-Type"))
		switch {
		case operator && strings.HasPrefix(kind, "text/html"):
			return ""
		case !operator && (!ofRequest(status.Code) || !strings.HasPrefix(kind, "text/plain")):
			return ""
		}
		text = string(status.Body)
	}
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if !utf8.ValidString(text) || svc.hasSecret(text) {
		return ""
	}
	return strings.TrimSpace(cut(text, maxWords))
}

// ofRequest says whether a refusal is about what was asked, and not about who asks or how
// often.
func ofRequest(code int) bool {
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusTooManyRequests:
		return false
	}
	return code >= 400 && code < 500
}

// minSecret is the length from which on what goes to a server is taken for a secret.
const minSecret = 6

// hasSecret says whether a text repeats what may be the gateway's credentials at the server:
// of its headers or of its URLs.
func (s *Service) hasSecret(text string) bool {
	var secrets []string
	for _, values := range s.Config.Header {
		for _, v := range values {
			scheme, rest, _ := strings.Cut(v, " ")
			secrets = append(secrets, v, rest)
			if decoded, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "Basic") {
				name, password, _ := strings.Cut(string(decoded), ":") // either may be a key
				secrets = append(secrets, name, password)
			}
			for _, part := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" ;,=", r) }) { // of a cookie, say
				if len(part) > len("Bearer ") {
					secrets = append(secrets, part)
				}
			}
		}
	}
	for _, raw := range []string{s.Config.URL, s.Config.PostURL} {
		u, err := url.Parse(raw)
		if err != nil {
			continue
		}
		secrets = append(secrets, u.RawQuery)
		for _, values := range u.Query() {
			for _, v := range values {
				secrets = append(secrets, v, url.QueryEscape(v), url.PathEscape(v))
			}
		}
		if password, ok := u.User.Password(); ok {
			secrets = append(secrets, password)
		}
	}
	return slices.ContainsFunc(secrets, func(secret string) bool { return len(secret) >= minSecret && strings.Contains(text, secret) })
}

// refusedError is a refusal as an operator reads it.
type refusedError struct {
	text  string
	cause error
}

func (e *refusedError) Error() string { return e.text }

func (e *refusedError) Unwrap() error { return e.cause }

// explained is the error with what it may mean, if it is a refusal.
func explained(svc *Service, err error, opening bool) error {
	var status *mcp.StatusError
	if !errors.As(err, &status) {
		return err
	}
	return &refusedError{"its server " + refusal(svc, status, opening, true), err}
}

// rpcErrorText is what a refusal says, if it is an error of JSON-RPC, or nearly one: some
// servers leave the id out.
func rpcErrorText(body []byte) string {
	var said struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	return said.Error.Message
}
