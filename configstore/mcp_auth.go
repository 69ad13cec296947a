package configstore

import "strings"

// MCPAuth is what the gateway authenticates with, over HTTP.
type MCPAuth struct {
	Type     string `json:"type,omitempty" jsonschema:"enum=bearer,enum=basic"`
	Token    Secret `json:"token,omitzero"`
	Username string `json:"username,omitempty"`
	Password Secret `json:"password,omitzero"`
}

func (a MCPAuth) validate(f *faults) {
	switch a.Type {
	case "":
		if a != (MCPAuth{}) {
			f.add("auth.type", "is required: one of bearer, basic")
		}
		return
	case "oauth2":
		f.add("auth.type", "is oauth2, which is not supported by this version yet: use bearer with a token of the server's, or basic")
		return
	}
	f.oneOf("auth.type", a.Type, "bearer", "basic")
	basic := a.Username != "" || !a.Password.IsZero()
	switch {
	case a.Type == "bearer":
		f.key("auth.token", a.Token)
		if basic {
			f.add("auth", "has a username or a password, which are for type basic; this is bearer")
		}
	case a.Type == "basic":
		f.required("auth.username", a.Username)
		if strings.Contains(a.Username, ":") {
			f.add("auth.username", "has a colon, which ends the name in what goes upstream")
		}
		for field, v := range map[string]string{"auth.username": a.Username, "auth.password": a.Password.Reveal()} {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				f.add(field, "has a control character")
			}
		}
		if !a.Token.IsZero() {
			f.add("auth.token", "is for type bearer; this is basic")
		}
	}
}
