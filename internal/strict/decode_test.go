package strict

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type server struct {
	Source    string    `json:"source"`
	CreatedAt time.Time `json:"created_at"`
}

type inner struct {
	Name string `json:"name"`
}

// hidden is as strict as configstore.Secret.
type hidden struct{ text string }

func (h *hidden) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &h.text); err != nil {
		return errors.New("not " + string(b))
	}
	return nil
}

type plain struct {
	Extra string `json:"extra"`
}

type target struct {
	ID       string            `json:"id"`
	APIKey   hidden            `json:"api_key,omitzero"`
	Count    int8              `json:"count,omitempty"`
	Size     uint              `json:"size"`
	Rate     float64           `json:"rate"`
	Disabled bool              `json:"disabled"`
	Expires  time.Time         `json:"expires_at"`
	Tags     []string          `json:"tags"`
	Labels   map[string]string `json:"labels"`
	Keys     map[string]hidden `json:"keys"`
	Inner    inner             `json:"inner"`
	Pointer  *inner            `json:"pointer"`
	List     []inner           `json:"list"`
	Raw      json.RawMessage   `json:"raw"`
	Any      any               `json:"any"`
	Bytes    []byte            `json:"bytes"`
	Hidden   string            `json:"-"`
	Untagged string
	plain
	*server
}

func TestDecode(t *testing.T) {
	const doc = `
id: a
api_key: k
count: -5
size: 5
rate: 3
disabled: true
expires_at: 2030-01-31T00:00:00Z
tags: [x, "1"]
labels: {a.b: c, none: null}
keys: {k: v}
inner: {name: n}
pointer: {name: p}
list: [{name: l}]
raw: {a: [0x10, ~]}
any: [x]
bytes: aGk=
Untagged: u
extra: e
source: s
created_at: {not: a time}
`
	n, err := ParseYAML([]byte(doc))
	require.NoError(t, err)
	var got target
	require.Empty(t, Decode(n, &got))
	require.Equal(t, target{
		ID: "a", APIKey: hidden{"k"}, Count: -5, Size: 5, Rate: 3, Disabled: true, Expires: time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC),
		Tags: []string{"x", "1"}, Labels: map[string]string{"a.b": "c"}, Keys: map[string]hidden{"k": {"v"}}, Inner: inner{"n"}, Pointer: &inner{"p"},
		List: []inner{{"l"}}, Raw: json.RawMessage(`{"a":[16,null]}`), Any: []any{"x"}, Bytes: []byte("hi"), Untagged: "u", plain: plain{"e"},
	}, got)
}

func TestDecodeNullIsAbsent(t *testing.T) {
	n, err := ParseJSON([]byte(`{"id":null,"api_key":null,"inner":null,"pointer":null,"tags":null,"expires_at":null,"count":null}`))
	require.NoError(t, err)
	var got target
	require.Empty(t, Decode(n, &got))
	require.Equal(t, target{}, got)
}

func TestDecodeFaults(t *testing.T) {
	tests := []struct {
		doc  string
		want []string
	}{
		{"id: 1", []string{"id must be a string: quote it"}},
		{"id: true", []string{"id must be a string: quote it"}},
		{"id: [a]", []string{"id must be a string"}},
		{"api_key: 123", []string{"api_key must be a string: quote it"}},
		{"api_key: {a: b}", []string{"api_key must be a string"}},
		{"count: 1.5", []string{"count must be a whole number"}},
		{"count: 200", []string{"count is out of range"}},
		{"count: '1'", []string{"count must be a whole number: take the quotes away"}},
		{"size: -1", []string{"size is negative"}},
		{"rate: x", []string{"rate must be a number"}},
		{"rate: .inf", []string{"rate must be a number"}},
		{"rate: 1e999", []string{"rate must be a number"}},
		{"disabled: yes", []string{"disabled must be true or false"}},
		{"disabled: 'true'", []string{"disabled must be true or false: take the quotes away"}},
		{"expires_at: tomorrow", []string{"expires_at must be a time such as 2030-01-31T00:00:00Z"}},
		{"expires_at: 5", []string{"expires_at must be a string: quote it"}},
		{"tags: x", []string{"tags must be a list: put the value in [ ]"}},
		{"tags: {a: b}", []string{"tags must be a list"}},
		{"tags: [1, a, ~]", []string{"tags[0] must be a string: quote it", "tags[2] is empty"}},
		{"labels: [a]", []string{"labels must be a mapping of names to values"}},
		{"labels: {a: 1}", []string{"labels.a must be a string: quote it"}},
		{"inner: x", []string{"inner must be a mapping of fields to values"}},
		{"inner: {nam: x}\nlist: [{}, {Name: x}]", []string{"inner.nam is not a known field; did you mean name?", "list[1].Name is not a known field; did you mean name?"}},
		{"API_KEY: x", []string{"API_KEY is not a known field; did you mean api_key?"}},
		{"apiKey: x", []string{"apiKey is not a known field; did you mean api_key?"}},
		{"api-key: x", []string{"api-key is not a known field; did you mean api_key?"}},
		{"whatever: x", []string{"whatever is not a known field"}},
		{"Hidden: x", []string{"Hidden is not a known field"}},
		{"bytes: '%'", []string{"bytes is not valid"}},
		{"[]", []string{"must be a mapping of fields to values"}},
	}
	for _, tt := range tests {
		n, err := ParseYAML([]byte(tt.doc))
		require.NoError(t, err)
		var got target
		require.Equal(t, tt.want, faultTexts(Decode(n, &got)), tt.doc)
	}
}

func TestDecodeLinesAndMeant(t *testing.T) {
	n, err := ParseJSON([]byte("{\n\"inner\": {\n\"nam\": 1},\n\"tags\": [\"a\",\n2]}"))
	require.NoError(t, err)
	var got target
	require.Equal(t, []Fault{
		{Path: "inner.nam", Line: 3, Text: "is not a known field; did you mean name?", Meant: "inner.name"},
		{Path: "tags[1]", Line: 5, Text: "must be a string: quote it"},
	}, Decode(n, &got))
}

func TestDecodeIntoWhatCannotBeFilled(t *testing.T) {
	require.Len(t, Decode(&Node{Kind: Object, Line: 1}, target{}), 1)
	require.Len(t, Decode(&Node{Kind: Object, Line: 1}, nil), 1)
}

func TestNearest(t *testing.T) {
	known := []string{"id", "api_key", "base_url", "provider_type", "default_model", "llmRoutes"}
	for name, want := range map[string]string{
		"api_kee": "api_key", "apikey": "api_key", "API-KEY": "api_key", "baseURL": "base_url", "base_ulr": "base_url", "provider_typ": "provider_type",
		"defaultmodell": "default_model", "llmroutes": "llmRoutes", "llm_route": "llmRoutes", "ID": "id", "ids": "id", "xy": "", "budget": "", "": "",
	} {
		require.Equal(t, want, Nearest(name, known), name)
	}
	require.Empty(t, Nearest(string(make([]byte, 1<<20)), known))
}
