package mcpproxy

import (
	"context"
	"errors"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

const (
	// healthEvery is how often a server that rests is asked whether it is well.
	healthEvery = time.Minute
	// pingTime bounds how long a server may take to answer.
	pingTime = 10 * time.Second
)

// ping asks a server whether it is well. An error that it answers with says that it is.
func (e *Engine) ping(ctx context.Context, i *instance) error {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	id := []byte(`"agent-gateway-` + randomID() + `"`) // which no caller has, whose ids may go by as they are
	_, err := e.roundTrip(ctx, i, mcp.Message{Data: jsonrpc.Call(id, "ping", nil)})
	return err
}

// check asks the servers on one wire that rest whether they are well, and ends the upstream
// sessions of those that are not: the next call begins another. Over HTTP a request finds
// that out for itself.
func (p *pools) check(e *Engine, now time.Time) {
	for _, i := range p.list() {
		if !i.svc.oneWire() || i.modern || i.active.Load() > 0 || now.Sub(time.Unix(0, i.checked.Load())) < healthEvery {
			continue
		}
		i.checked.Store(now.UnixNano())
		e.spawn(func() {
			err := e.ping(e.live, i)
			if err == nil || i.isDying() || i.active.Load() > 0 || errors.Is(e.live.Err(), context.Canceled) {
				return
			}
			e.log.WarnContext(e.live, "an MCP server does not answer a ping; its session is ended", "service", i.svc.Config.ID, "error", err)
			e.retire(i)
		})
	}
}
