package mcptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// mutant is a transport that breaks the promise of that name.
type mutant struct {
	mcp.Transport
	name string
	*shared
}

type shared struct {
	mu   sync.Mutex
	conn mcp.Conn
	one  chan struct{} // for a transport that does one thing at a time
	last []byte
}

func (m mutant) Dial(ctx context.Context, s mcp.Service) (mcp.Conn, error) {
	switch m.name {
	case "Goroutines":
		go func() { select {} }()
	case "TwoSessions":
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.conn != nil {
			return m.conn, nil
		}
	}
	c, err := m.Transport.Dial(ctx, s)
	if err != nil {
		return nil, err
	}
	mc := &mutantConn{Conn: c, mutant: m, dialled: ctx}
	m.conn = mc
	return mc, nil
}

type mutantConn struct {
	mcp.Conn
	mutant
	dialled context.Context
}

var strayID = regexp.MustCompile(`"id":"(\d+)"`)

func (c *mutantConn) Call(ctx context.Context, m mcp.Message) (mcp.Stream, error) {
	switch c.name {
	case "Dial":
		if c.dialled.Err() != nil {
			return nil, c.dialled.Err()
		}
	case "Methods":
		if bytes.Contains(m.Data, []byte(`"prompts/list"`)) {
			return nil, errors.New("an unknown method")
		}
	case "IDs":
		m.Data = strayID.ReplaceAll(m.Data, []byte(`"id":$1`))
	case "Long":
		if len(m.Data) > 64<<10 {
			return nil, errors.New("too long")
		}
	case "Refusals":
		if !bytes.Contains(m.Data, []byte(`"id"`)) {
			return &mutantStream{conn: c}, c.Conn.Notify(ctx, m)
		}
	case "CancelByContext", "CancelSilent", "ContextDone":
		ctx = context.WithoutCancel(ctx)
	case "Headers":
		if m.Header != nil {
			m.Header = m.Header.Clone()
			delete(m.Header, "Mcp-Param-Region")
		}
	case "SlowReader":
		select {
		case c.one <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "Close":
		if bytes.Contains(m.Data, []byte(`"echo"`)) {
			return &mutantStream{conn: c}, nil // whatever has become of the connection
		}
	}
	s, err := c.Conn.Call(ctx, m)
	if err != nil {
		return nil, c.refusal(err)
	}
	return &mutantStream{Stream: s, conn: c, request: m.Data}, nil
}

func (c *mutantConn) refusal(err error) error {
	var refused *mcp.StatusError
	if errors.As(err, &refused) {
		switch c.name {
		case "Status":
			return errors.New("refused")
		case "StatusHeader":
			refused.Header.Set("Set-Cookie", "secret=canary-1")
		case "StatusBody":
			return errors.Join(err, errors.New(string(refused.Body)))
		}
	}
	return err
}

func (c *mutantConn) Notify(ctx context.Context, m mcp.Message) error {
	switch c.name {
	case "Handshake", "Notify":
		return nil
	case "NotifyBytes":
		m.Data = remarshal(m.Data)
	}
	return c.Conn.Notify(ctx, m)
}

func (c *mutantConn) Listen(ctx context.Context, after string) (mcp.Stream, error) {
	switch c.name {
	case "Listen", "NoListen":
		return &mutantStream{conn: c}, nil
	case "CloseAndResume":
		after = ""
	}
	s, err := c.Conn.Listen(ctx, after)
	if err != nil {
		return nil, err
	}
	return &mutantStream{Stream: s, conn: c}, nil
}

func (c *mutantConn) Close(ctx context.Context) error {
	if c.name == "CloseCalls" {
		return nil
	}
	return c.Conn.Close(ctx)
}

func remarshal(data []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return data
	}
	b, _ := json.Marshal(v)
	return b
}

type mutantStream struct {
	mcp.Stream // nil for one on which nothing comes
	conn       *mutantConn
	request    []byte
	held       []mcp.Message
	n          int
	over       bool
}

func (s *mutantStream) Next() (mcp.Message, error) {
	if s.Stream == nil {
		return mcp.Message{}, io.EOF
	}
	if len(s.held) > 0 {
		m := s.held[0]
		s.held = s.held[1:]
		return m, nil
	}
	m, err := s.Stream.Next()
	if err != nil {
		return m, s.end(err)
	}
	s.n++
	text := string(m.Data)
	response := strings.Contains(text, `"result"`) || strings.Contains(text, `"error"`)
	switch s.conn.name {
	case "Bytes":
		m.Data = remarshal(m.Data)
	case "Order":
		if strings.Contains(text, `"progress":3,`) {
			next, err := s.Stream.Next()
			s.held = append(s.held, m)
			return next, err
		}
	case "RPCError":
		if strings.Contains(text, `"error"`) {
			return mcp.Message{}, errors.New("an error of JSON-RPC")
		}
	case "Concurrent": // another call's response
		s.conn.mu.Lock()
		defer s.conn.mu.Unlock()
		if s.conn.last != nil && strings.Contains(text, "caller-") {
			m.Data, s.conn.last = s.conn.last, m.Data
		} else if strings.Contains(text, "caller-") {
			s.conn.last = m.Data
		}
	case "Progress", "Flood":
		if strings.Contains(text, "notifications/progress") && s.n%50 == 0 {
			return s.Next()
		}
	case "Ask", "AskAtOnce":
		if strings.Contains(text, `"elicitation/create"`) || strings.Contains(text, `"roots/list"`) {
			return s.Next()
		}
	case "Subscriptions":
		if strings.Contains(text, "acknowledged") {
			return s.Next()
		}
	case "Twice":
		if response {
			s.held = append(s.held, m)
		}
	case "Resume":
		m.EventID = ""
	}
	return m, nil
}

func (s *mutantStream) end(err error) error {
	switch s.conn.name {
	case "NoEOF":
		if errors.Is(err, io.EOF) {
			return errors.New("the end")
		}
	case "EOFOnce":
		if s.over {
			return errors.New("the end, again")
		}
		s.over = errors.Is(err, io.EOF)
	case "Crash", "ListenClose":
		return io.EOF
	}
	return err
}

func (s *mutantStream) Close() error {
	if s.Stream == nil {
		return nil
	}
	switch s.conn.name {
	case "CancelByClose":
		return nil
	case "SlowReader":
		<-s.conn.one
	case "NotCancelled", "CloseAndResume":
		if bytes.Contains(s.request, []byte(`"tools/call"`)) {
			_ = s.conn.Conn.Notify(context.Background(), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}`)})
		}
	}
	return s.Stream.Close()
}
