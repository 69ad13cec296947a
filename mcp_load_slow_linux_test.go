package gateway_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A caller that does not read holds up nobody else, and gets its answer when it does.
func TestMCPSlowReader(t *testing.T) {
	leavesNothing(t)
	for _, isolation := range []string{"session", "shared"} {
		ups := []*mcpServer{newMCP(t, "events", nil), newMCP(t, "sse", nil), faulty("server")}
		s := fleet(t, "isolation: "+isolation, nil, ups...)
		for i := range ups {
			slow, same := s.mcp(alice), s.mcp(alice)
			slow.path, same.path = "/"+strconv.Itoa(i), "/"+strconv.Itoa(i)
			slow.begin(t)
			same.begin(t)
			body := slow.request("tools/call", `{"name":"flood","arguments":{"count":30,"size":200000},"_meta":{"progressToken":"f"}}`)
			st := slow.open(t, body)
			require.Equal(t, "f", st.next(t).Get("params.progressToken").Str) // and then nothing
			for range 10 {
				same.echoes(t)
			}
			last := 0.0
			for {
				m := st.next(t)
				if m.Get("result").Exists() {
					require.Equal(t, "flooded", m.Get("result.content.0.text").Str)
					break
				}
				require.Greater(t, m.Get("params.progress").Num, last, "in their order")
				last = m.Get("params.progress").Num
			}
			st.ended(t)
			slow.echoes(t)
		}
	}
}

// One that does not read what belongs to no call holds up nobody either, and what waits
// for it is bounded.
func TestMCPSlowListener(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			slow, same := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
			st := slow.listen(t)
			for i := range 25 {
				up.Emit(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"n":%d,"pad":%q}}`, i+1, strings.Repeat("x", 200_000)))
			}
			for range 5 {
				same.echoes(t)
				slow.echoes(t)
			}
			up.Emit(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
			last := int64(0)
			for {
				m := st.next(t)
				if m.Get("method").Str == "notifications/tools/list_changed" {
					break
				}
				require.Greater(t, m.Get("params.n").Int(), last, "in their order")
				last = m.Get("params.n").Int()
			}
			require.Positive(t, last)
		}
	})
}
