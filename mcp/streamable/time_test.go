package streamable_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

// What nobody should have to wait for is bounded, in a time that is not real.

// holding answers with a text after which nothing comes, until its request ends.
func holding(code int, contentType, text string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		return answering(code, contentType, io.MultiReader(strings.NewReader(text), silence(r.Context())))(r)
	}
}

// bubble is a session with a server in memory.
func bubble(t *testing.T, rt roundTrip, test func(t *testing.T, c mcp.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		c, err := streamable.New(streamable.Options{RoundTripper: rt}).Dial(t.Context(), mcp.Service{URL: "http://test"})
		require.NoError(t, err)
		test(t, c)
		require.NoError(t, c.Close(context.Background()))
	})
}

// A server that leaves the stream open behind the response holds up nobody.
func TestOpenEnd(t *testing.T) {
	bubble(t, holding(200, "text/event-stream", "data: "+last+"\n\n"), func(t *testing.T, c mcp.Conn) {
		begun := time.Now()
		list, err := do(t.Context(), c, legacy("1", "x", ""))
		require.NoError(t, err)
		require.Equal(t, []string{last}, list)
		require.Less(t, time.Since(begun), time.Second)
	})
}

// A refusal whose text does not end is one nevertheless.
func TestRefusalWithoutEnd(t *testing.T) {
	bubble(t, holding(401, "text/plain", "go away"), func(t *testing.T, c mcp.Conn) {
		begun := time.Now()
		_, err := do(t.Context(), c, legacy("1", "x", ""))
		var refused *mcp.StatusError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "go away", string(refused.Body))
		require.Less(t, time.Since(begun), 10*time.Second)
		require.ErrorAs(t, c.Notify(t.Context(), mcp.Message{Data: []byte(`{}`)}), &refused)
		_, err = c.Listen(t.Context(), "")
		require.ErrorAs(t, err, &refused)
	})
}

// A request may take any time, and what has no answer may not.
func TestSilentServer(t *testing.T) {
	wait := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	bubble(t, wait, func(t *testing.T, c mcp.Conn) {
		begun := time.Now()
		err := c.Notify(t.Context(), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"x"}`)})
		require.ErrorContains(t, err, "not answered in time")
		require.Equal(t, streamable.DefaultNotifyTimeout, time.Since(begun))
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		begun = time.Now()
		_, err = do(ctx, c, legacy("1", "x", ""))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 24*time.Hour, time.Since(begun))
	})
}

// The end of a session waits for the server only so long.
func TestSilentClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodDelete || strings.Contains(r.Header.Get("Accept"), "nothing") {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			resp, err := answering(200, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":0,"result":{}}`))(r)
			resp.Header.Set("Mcp-Session-Id", "s")
			return resp, err
		})
		c, err := streamable.New(streamable.Options{RoundTripper: rt, NotifyTimeout: time.Minute}).Dial(t.Context(), mcp.Service{URL: "http://test"})
		require.NoError(t, err)
		_, err = do(t.Context(), c, mcp.Message{Data: []byte(initializeRequest)})
		require.NoError(t, err)
		begun := time.Now()
		require.ErrorContains(t, c.Close(context.Background()), "not answered in time")
		require.Equal(t, time.Minute, time.Since(begun))
	})
}

// Cancellations of which the server takes no notice end with the session, or before.
func TestSilentCancellation(t *testing.T) {
	told := make(chan string, 8)
	rt := roundTrip(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "notifications/cancelled") {
			told <- string(body)
			<-r.Context().Done()
			return nil, errors.New("no answer")
		}
		return answering(200, "text/event-stream", silence(r.Context()))(r)
	})
	bubble(t, rt, func(t *testing.T, c mcp.Conn) {
		s, err := c.Call(t.Context(), legacy(`"a\"b"`, "x", ""))
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		require.Equal(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a\"b","reason":"the client has gone"}}`, <-told)
		_, err = s.Next()
		require.ErrorIs(t, err, streamable.ErrClosed)
		synctest.Wait()
		require.Empty(t, told, "it is told once")
	})
}
