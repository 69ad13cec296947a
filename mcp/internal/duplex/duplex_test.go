package duplex_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

func request(id, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{%s}}`, id, method, params)
}

func note(method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":{%s}}`, method, params)
}

func done(id string) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{}}`, id) }

// Whatever is told apart reaches its call, bytes unchanged, and the response comes last.
func TestRouting(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	a := begin(t, c, w, request(`1`, "tools/call", `"_meta":{"progressToken":"a"}`))
	b := begin(t, c, w, request(`"1"`, "tools/call", `"_meta":{"progressToken":7}`))
	sub := begin(t, c, w, request(`"sub"`, "subscriptions/listen", ``))
	l, err := c.Listen(t.Context(), "")
	require.NoError(t, err)

	progressA := `{ "params":{"total":1e400,"progressToken":"\u0061"},"jsonrpc":"2.0","method":"notifications/progress" }`
	progressB := note("notifications/progress", `"progressToken":7.0`)
	stray := note("notifications/progress", `"progressToken":"7"`)
	ofSub := note("notifications/tools/list_changed", `"_meta":{"io.modelcontextprotocol/subscriptionId":"sub"}`)
	log := note("notifications/message", `"level":"info"`)
	asked := request(`1`, "sampling/createMessage", ``)
	for _, text := range []string{progressA, progressB, stray, ofSub, log, asked, done(`1.0`), done(`"1"`)} {
		w.in <- text
	}
	require.Equal(t, progressA, next(t, a))
	require.Equal(t, done(`1.0`), next(t, a))
	requireEnd(t, a)
	require.Equal(t, progressB, next(t, b))
	require.Equal(t, done(`"1"`), next(t, b))
	requireEnd(t, b)
	require.Equal(t, ofSub, next(t, sub))
	for _, text := range []string{stray, log, asked} {
		require.Equal(t, text, next(t, l))
	}
	require.NoError(t, a.Close())
	require.Empty(t, w.out, "a call that has its response is not cancelled")
}

// What names no call belongs to the one that is under way, subscriptions aside.
func TestTheOnlyCall(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	begin(t, c, w, request(`1`, "subscriptions/listen", ``))
	a := begin(t, c, w, request(`2`, "tools/call", ``))
	log, ping := note("notifications/message", ``), request(`"p"`, "ping", ``)
	taken := note("notifications/cancelled", `"requestId":"p"`)
	changed := note("notifications/resources/updated", ``)
	unreadable := `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}`
	for _, text := range []string{log, ping, changed, taken, taken, unreadable} {
		w.in <- text
	}
	for _, text := range []string{log, ping, taken, unreadable} {
		require.Equal(t, text, next(t, a))
	}
	requireEnd(t, a)
	l, err := c.Listen(t.Context(), "ignored")
	require.NoError(t, err)
	require.Equal(t, changed, next(t, l))
	require.EqualValues(t, 1, c.Stats().Unclaimed, "the second cancellation")
}

// A cancellation of the server's goes where its request went, even when another call is
// the only one by then; answered requests cannot be taken back.
func TestServerCancels(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	l, err := c.Listen(t.Context(), "")
	require.NoError(t, err)
	w.in <- request(`5`, "roots/list", ``)
	w.in <- request(`6`, "roots/list", ``)
	w.settle()
	a := begin(t, c, w, request(`5`, "tools/call", ``))
	require.NoError(t, c.Notify(t.Context(), mcp.Message{Data: []byte(done(`6`))}))
	require.Equal(t, done(`6`), w.sent(t))
	w.in <- note("notifications/cancelled", `"requestId":6`)
	w.in <- note("notifications/cancelled", `"requestId":5`)
	w.in <- done(`5`)
	next(t, l)
	next(t, l)
	require.Equal(t, note("notifications/cancelled", `"requestId":5`), next(t, l))
	require.Equal(t, done(`5`), next(t, a))
	require.EqualValues(t, 1, c.Stats().Unclaimed)
}

// A server tears a subscription down with a cancellation.
func TestSubscriptionTornDown(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	s := begin(t, c, w, request(`3`, "subscriptions/listen", ``))
	torn := note("notifications/cancelled", `"requestId":3,"reason":"shutdown"`)
	w.in <- torn
	w.in <- note("notifications/tools/list_changed", `"_meta":{"io.modelcontextprotocol/subscriptionId":3}`)
	w.settle()
	require.Equal(t, torn, next(t, s))
	requireEnd(t, s)
	require.NoError(t, s.Close())
	require.Empty(t, w.out)
	require.EqualValues(t, 1, c.Stats().Unclaimed)
	// That of a call is no subscription's.
	s = begin(t, c, w, request(`4`, "tools/call", ``))
	w.in <- note("notifications/cancelled", `"requestId":4`)
	w.in <- done(`4`)
	require.Equal(t, done(`4`), next(t, s))
}

// A batch, which one version of the protocol has, is its messages; what is no message is
// skipped.
func TestBatchAndNonsense(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	a := begin(t, c, w, request(`1`, "m", ``))
	for _, text := range []string{`[]`, `[1]`, `[{"jsonrpc":"2.0"`, `nonsense`, `{"jsonrpc":"1.0","id":1,"result":{}}`, `{}`, `{"jsonrpc":"2.0","method":"m","params":{"_meta":{},"_meta":{}}}`} {
		w.in <- text
	}
	w.in <- ` [ ` + note("m", ``) + ` , ` + done(`1`) + ` ]`
	require.Equal(t, note("m", ``), next(t, a))
	require.Equal(t, done(`1`), next(t, a))
	require.EqualValues(t, 7, c.Stats().Skipped)
	require.EqualValues(t, 2, c.Stats().Received)
}
