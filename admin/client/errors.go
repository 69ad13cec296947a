package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// Error is the Admin API's refusal.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Message is the server's text; empty when the answer was not the Admin
	// API's.
	Message string
	// Field is the dotted path of the field at fault; empty when there is none.
	Field string
	// RPC is what an MCP server has refused a request with; nil when it was not
	// the server who refused.
	RPC *RPCError

	hint string
}

// RPCError is an error of JSON-RPC, as an MCP server answers with.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Error tells what the server said and, where it can, what to do.
func (e *Error) Error() string {
	text := e.Message
	switch {
	case text == "":
		text = fmt.Sprintf("the Admin API answered %d %s", e.Status, http.StatusText(e.Status))
	case e.Field != "" && !strings.Contains(text, e.Field):
		text = e.Field + ": " + text
	}
	if e.RPC != nil {
		text += fmt.Sprintf(" (JSON-RPC error %d)", e.RPC.Code)
	}
	if e.hint != "" {
		text += ": " + e.hint
	}
	return text
}

// newError reads a refusal.
func (c *Client) newError(status int, body []byte) *Error {
	e := &Error{Status: status}
	var said struct {
		Error, Field string
		RPC          *RPCError
	}
	if json.Unmarshal(body, &said) == nil {
		e.Message, e.Field, e.RPC = said.Error, said.Field, said.RPC
	}
	switch {
	case status == http.StatusUnauthorized && c.headers.Get("Authorization") == "":
		e.hint = "set AGW_ADMIN_BASIC_AUTH=user:password or --admin-basic-auth"
	case status == http.StatusUnauthorized:
		e.hint = "the credentials are wrong: check AGW_ADMIN_BASIC_AUTH or --admin-basic-auth"
	case e.Message == "" && status < 500:
		e.hint = "is the Admin API at " + c.addr + "? Set AGW_ADMIN_ADDR or --admin-addr"
	}
	return e
}

// ConnectError says that the Admin API gave no answer.
type ConnectError struct {
	Addr string
	Err  error
}

// Error tells what to do.
func (e *ConnectError) Error() string {
	text := "cannot reach the Admin API at " + e.Addr + ": "
	if !errors.Is(e.Err, syscall.ECONNREFUSED) {
		text += e.Err.Error() + ": "
	}
	return text + "is agwd running? Set AGW_ADMIN_ADDR or --admin-addr"
}

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

func (c *Client) unreachable(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errTimeout):
		return fmt.Errorf("the Admin API at %s did not answer within %v: is it overloaded? A longer --timeout may help", c.addr, c.timeout)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	// url.Error repeats the URL, whose query is nobody's business here.
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &ConnectError{c.addr, err}
}

func (c *Client) redirected(resp *http.Response) error {
	to := "elsewhere"
	if u, err := resp.Location(); err == nil {
		to = "to " + u.Scheme + "://" + u.Host
	}
	return fmt.Errorf("the Admin API at %s redirects %s, which is not followed: set AGW_ADMIN_ADDR or --admin-addr to the final address", c.addr, to)
}

// foreign says that a success was not the Admin API's.
func (c *Client) foreign(path string) error {
	return fmt.Errorf("the answer to /admin/%s is not the Admin API's: is it at %s? Set AGW_ADMIN_ADDR or --admin-addr", path, c.addr)
}
