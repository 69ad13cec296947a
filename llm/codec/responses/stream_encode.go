package responses

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// streamEncoder assembles a response out of events, and writes the events of this
// protocol meanwhile. A message item stays open while text follows text.
type streamEncoder struct {
	req  *codec.Request
	lost *codec.Losses

	from    llm.Operation
	id      string
	model   string
	tier    string
	created int64
	usage   llm.Usage
	finish  codec.Finish
	repeat  []byte // what the response repeats of the request

	begun, over bool
	sequence    int64
	output      []byte // the items that are complete, with commas
	index       int    // of the item that is open, or comes next

	item itemKind
	open string // the item's id
	part *codec.Part
	text []byte // of the open part, or of the call

	contents []byte // of the message, complete ones with commas
	content  int    // index of the open part in it, or of the next
	phase    []codec.Field
	refused  bool
	logprobs []byte // of the open part, with commas

	summaries []byte // of the reasoning, complete ones with commas
	summary   int    // index of the open summary part, or of the next
	theirs    int    // its index in the events
	inSummary bool

	data   int    // where the data of the event that is written begins
	prefix []byte // of the delta events of the open part
	held   bool   // the open call waits for its end
}

type itemKind uint8

const (
	noItem itemKind = iota
	messageItem
	reasoningItem
	callItem
)

// NewStreamEncoder implements [codec.Codec].
func (protocol) NewStreamEncoder(req *codec.Request, lost *codec.Losses) codec.StreamEncoder {
	return newStreamEncoder(req, lost)
}

func newStreamEncoder(req *codec.Request, lost *codec.Losses) *streamEncoder {
	if req == nil {
		req = &codec.Request{From: op}
	}
	return &streamEncoder{req: req, lost: lost}
}

// Encode implements [codec.StreamEncoder].
func (s *streamEncoder) Encode(dst []byte, e *codec.Event) ([]byte, error) {
	return s.event(dst, e), nil
}

func (s *streamEncoder) event(dst []byte, e *codec.Event) []byte {
	if s.over || e.Kind == codec.Ping {
		return dst
	}
	if e.Kind == codec.Failed {
		return s.Fail(dst, e.Err, "")
	}
	if e.Response != nil {
		s.take(e.Response)
	}
	if !s.begun && e.Kind != codec.UsageEvent {
		dst = s.begin(dst)
	}
	if e.Choice != 0 {
		s.lost.Drop("n")
		return dst
	}
	switch e.Kind {
	case codec.PartStart:
		if e.Part != nil {
			dst = s.start(dst, e.Part)
		}
	case codec.PartDelta:
		dst = s.delta(dst, e)
	case codec.PartStop:
		dst = s.stop(dst, e.Part)
	case codec.FinishEvent:
		s.finish = e.Finish
		dst = s.closeAll(dst)
	case codec.End:
		dst = s.closeAll(dst)
		status := s.status()
		if status == "failed" {
			return s.Fail(dst, llm.Errorf(llm.CodeUpstream, "%s", s.failedMessage()), "")
		}
		s.over = true
		w := s.write(dst, "response."+status)
		w.Name("response")
		s.response(w, status, nil, nil)
		dst = s.done(w)
	}
	return dst
}

// take keeps what is known of the answer.
func (s *streamEncoder) take(r *codec.Response) {
	if r.From != "" {
		s.from = r.From
	}
	if s.id == "" && r.From == op {
		s.id = r.ID // servers that are only alike have other prefixes
	}
	if s.id == "" {
		s.id = codec.ID("resp_", r.ID)
	}
	if s.created == 0 {
		if s.created = r.Created; s.created == 0 {
			s.created = now().Unix()
		}
	}
	if r.Model != "" && (!s.begun || s.model == "") {
		s.model = r.Model
	}
	if r.ServiceTier != "" {
		s.tier = r.ServiceTier
	}
	if r.Usage.Total().Known {
		s.usage = r.Usage
	}
}

func (s *streamEncoder) begin(dst []byte) []byte {
	s.begun = true
	if s.id == "" {
		s.take(&codec.Response{})
	}
	if s.model == "" {
		s.model = s.req.Model
	}
	for _, name := range []string{"response.created", "response.in_progress"} {
		w := s.write(dst, name)
		w.Name("response")
		s.response(w, "in_progress", nil, nil)
		dst = s.done(w)
	}
	return dst
}

// itemID makes an id out of the response's, so that answers that are translated
// alike are alike.
func (s *streamEncoder) itemID(prefix, upstream string) string {
	if s.from == op && upstream != "" {
		return upstream
	}
	return prefix + strings.TrimPrefix(s.id, "resp_") + "_" + strconv.Itoa(s.index)
}

// closeAll ends what is open, and puts the reason of a refusal where it is read.
func (s *streamEncoder) closeAll(dst []byte) []byte {
	if s.part != nil {
		dst = s.stop(dst, nil)
	}
	if s.finish.Reason == codec.ReasonFilter && s.finish.Message != "" && !s.refused {
		dst = s.start(dst, &codec.Part{Kind: codec.Refusal})
		dst = s.delta(dst, &codec.Event{Delta: s.finish.Message})
		dst = s.stop(dst, nil)
	}
	return s.closeMessage(dst)
}

// Fail implements [codec.StreamEncoder]. A response that has begun fails by name;
// the event behind it is what SDKs raise an error for.
func (s *streamEncoder) Fail(dst []byte, err *llm.Error, requestID string) []byte {
	if s.over {
		return dst
	}
	s.over = true
	if err == nil {
		err = llm.Errorf(llm.CodeInternal, "the answer broke off")
	}
	if s.begun {
		w := s.write(dst, "response.failed")
		w.Name("response")
		s.response(w, "failed", err, nil)
		dst = s.done(w)
	}
	inner := gjson.GetBytes(err.Body(op.Protocol(), requestID), "error")
	w := s.write(dst, "error")
	for _, name := range []string{"code", "message", "param"} {
		w.RawField(name, inner.Get(name).Raw)
	}
	w.RawField("error", inner.Raw)
	return s.done(w)
}
