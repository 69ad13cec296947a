package jsonrpc

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text, key string
		kind      Kind
		fault     string
	}{
		"request":             {text: `{"jsonrpc":"2.0","id":1,"method":"m"}`, kind: Request, key: "n1"},
		"odd order and more":  {text: ` { "x":{"id":7}, "params" : {"id":9} , "method":"m","id" : "a\u0062", "jsonrpc":"2.0" } `, kind: Request, key: "sab"},
		"big id":              {text: `{"jsonrpc":"2.0","id":12345678901234567890,"method":"m"}`, kind: Request, key: "n12345678901234567890"},
		"fraction that is 1":  {text: `{"jsonrpc":"2.0","id":1.0,"method":"m"}`, kind: Request, key: "n1"},
		"negative id":         {text: `{"jsonrpc":"2.0","id":-5,"method":"m"}`, kind: Request, key: "n-5"},
		"empty string id":     {text: `{"jsonrpc":"2.0","id":"","method":"m"}`, kind: Request, key: "s"},
		"notification":        {text: `{"jsonrpc":"2.0","method":"m","params":[1]}`, kind: Notification},
		"result":              {text: `{"jsonrpc":"2.0","id":"1","result":null}`, kind: Response, key: "s1"},
		"error":               {text: `{"jsonrpc":"2.0","id":1,"error":{"code":-1}}`, kind: Response, key: "n1"},
		"result, error null":  {text: `{"jsonrpc":"2.0","id":1,"result":{},"error":null}`, kind: Response, key: "n1"},
		"error, result null":  {text: `{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":1}}`, kind: Response, key: "n1"},
		"error without id":    {text: `{"jsonrpc":"2.0","id":null,"error":{"code":-1}}`, kind: Response, key: "nnull"},
		"escaped method":      {text: `{"jsonrpc":"2.0","id":1,"method":"tools\/call"}`, kind: Request, key: "n1"},
		"batch":               {text: ` [{"jsonrpc":"2.0","id":1,"method":"m"}]`, fault: "batch"},
		"no version":          {text: `{"id":1,"method":"m"}`, fault: "jsonrpc"},
		"old version":         {text: `{"jsonrpc":"1.0","id":1,"method":"m"}`, fault: "jsonrpc"},
		"method twice":        {text: `{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}`, fault: `"method" occurs twice`},
		"escaped twice":       {text: `{"jsonrpc":"2.0","id":1,"method":"a","m\u0065thod":"b"}`, fault: "occurs twice"},
		"another spelling":    {text: `{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}`, fault: `is not "method"`},
		"params is text":      {text: `{"jsonrpc":"2.0","id":1,"method":"a","params":"x"}`, fault: "params"},
		"id is null":          {text: `{"jsonrpc":"2.0","id":null,"method":"a"}`, fault: "id"},
		"id is an object":     {text: `{"jsonrpc":"2.0","id":{},"method":"a"}`, fault: "id"},
		"id is long":          {text: `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", MaxID) + `","method":"a"}`, fault: "id"},
		"method is long":      {text: `{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", MaxMethod+1) + `"}`, fault: "method"},
		"method is empty":     {text: `{"jsonrpc":"2.0","id":1,"method":""}`, fault: "method"},
		"nothing":             {text: `{"jsonrpc":"2.0","id":1}`, fault: "no method"},
		"both":                {text: `{"jsonrpc":"2.0","id":1,"result":1,"error":{}}`, fault: "not one of result and error"},
		"method and result":   {text: `{"jsonrpc":"2.0","id":1,"method":"a","result":1}`, fault: "as well"},
		"response without id": {text: `{"jsonrpc":"2.0","result":1}`, fault: "no id"},
		"something behind":    {text: `{"jsonrpc":"2.0","id":1,"method":"a"}{}`, fault: "more text"},
		"no object":           {text: `"x"`, fault: "not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse([]byte(c.text))
			if c.fault != "" {
				require.ErrorContains(t, err, c.fault)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.kind, m.Kind())
			if c.kind != Notification {
				require.Equal(t, c.key, m.Key())
			}
		})
	}
}

// Whatever is taken for a message is one to another reader as well.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[1,2]}}`, `{"jsonrpc":"2.0","id":"x","result":{}}`, `{"jsonrpc":"2.0","error":{},"id":null}`, `[]`, `{"jsonrpc":"2.0","id":1e2,"method":"m"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil || !json.Valid(data) {
			return
		}
		var other struct {
			Method string          `json:"method"`
			ID     json.RawMessage `json:"id"`
			Params json.RawMessage `json:"params"`
			Result json.RawMessage `json:"result"`
		}
		require.NoError(t, json.Unmarshal(data, &other))
		require.Equal(t, other.Method, m.Method)
		require.Equal(t, string(other.ID), string(m.ID.Of(data)))
		require.Equal(t, string(other.Params), string(m.Params.Of(data)))
		if m.Result.OK() {
			require.Equal(t, string(other.Result), string(m.Result.Of(data)))
		}
		if m.Kind() == Request {
			again, err := Parse(Splice(data, Edit{m.ID, []byte(`"own"`)}))
			require.NoError(t, err)
			require.Equal(t, "sown", again.Key())
		}
	})
}

func TestMembersAndSplice(t *testing.T) {
	text := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{ "arguments":{"name":"x"}, "n\u0061me":"old" ,"_meta":{"progressToken":7}}}`)
	m, err := Parse(text)
	require.NoError(t, err)
	found, err := m.Members(m.Params, "name", "_meta", "uri")
	require.NoError(t, err)
	require.False(t, found[2].OK())
	token, err := m.Member(found[1], "progressToken")
	require.NoError(t, err)
	got := Splice(text, Edit{m.ID, []byte(`"a"`)}, Edit{found[0], []byte(`"new"`)}, Edit{token, []byte(`"t"`)})
	require.Equal(t, `{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{ "arguments":{"name":"x"}, "n\u0061me":"new" ,"_meta":{"progressToken":"t"}}}`, string(got))

	for _, s := range []string{`{"name":"a","name":"b"}`, `{"name":"a","Name":"b"}`, `{"name":"a","n\u0061me":"b"}`} {
		m, err := Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + s + `}`))
		require.NoError(t, err)
		_, err = m.Members(m.Params, "name")
		require.Error(t, err, s)
	}
}

func TestErrors(t *testing.T) {
	e := &Error{Code: -32601, Message: `no "x"`, Data: json.RawMessage(`{"n":12345678901234567890}`)}
	text := e.Response([]byte(`"id"`))
	require.Equal(t, `{"jsonrpc":"2.0","id":"id","error":{"code":-32601,"message":"no \"x\"","data":{"n":12345678901234567890}}}`, string(text))
	m, err := Parse(text)
	require.NoError(t, err)
	require.Equal(t, e, m.DecodeError())
	m, err = Parse(Errorf(1, "x").Response(nil))
	require.NoError(t, err)
	require.Equal(t, "null", string(m.ID.Of(m.Data)))
	require.Equal(t, `{"jsonrpc":"2.0","method":"n"}`, string(Call(nil, "n", nil)))
	require.Equal(t, `{"jsonrpc":"2.0","id":1,"method":"n","params":{}}`, string(Call([]byte("1"), "n", []byte("{}"))))
	require.Equal(t, `{"jsonrpc":"2.0","id":1,"result":[]}`, string(Result([]byte("1"), []byte("[]"))))
}

func TestLines(t *testing.T) {
	read := func(text string, max int) (list []string, err error) {
		l := NewLines(strings.NewReader(text), max)
		for {
			line, err := l.Next()
			if err != nil {
				return list, err
			}
			list = append(list, string(line))
		}
	}
	long := strings.Repeat("x", 200_000)
	list, err := read("a\r\n\n  \n"+long+"\n b \n", 1<<20)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, []string{"a", long, "b"}, list)

	list, err = read("a\n"+long+"\nb\n", 100_000)
	require.ErrorIs(t, err, ErrTooLong)
	require.Equal(t, []string{"a"}, list)

	_, err = read("a\nhalf", 100)
	require.True(t, errors.Is(err, io.ErrUnexpectedEOF))
}
