package llmproxy

import (
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// translated reads a complete answer in its neutral form.
func (r *reading) translated(resp *codec.Response) {
	r.answered, r.usage = true, resp.Usage
	r.usage.Final = true
	for _, c := range resp.Choices {
		for i := range c.Parts {
			r.part(&c.Parts[i])
		}
	}
}

func (r *reading) part(p *codec.Part) {
	r.textBytes += len(p.Text)
	if p.Call != nil {
		r.called(p.Call.Name)
	}
}

func (r *reading) called(name string) {
	r.toolCalls++
	if name != "" && len(name) <= maxToolName && len(r.toolNames) < maxToolNames {
		r.toolNames = append(r.toolNames, name)
	}
}

// neutral reads an event of a stream in its neutral form.
func (r *reading) neutral(e *codec.Event) {
	switch e.Kind {
	case codec.Ping:
		return
	case codec.PartStart:
		r.part(e.Part)
	case codec.PartDelta:
		r.textBytes += len(e.Delta)
	case codec.FinishEvent:
		r.ended = true
	case codec.End:
		r.ended, r.closed = true, true
	case codec.Failed:
		r.ended, r.failed = true, true
	}
	r.answered = true
	if e.Response != nil && e.Response.Usage != (llm.Usage{}) {
		final := r.usage.Final
		r.usage = e.Response.Usage
		r.usage.Final = final || e.Kind == codec.End && r.usage.Total().Known
	}
}
