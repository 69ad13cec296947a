package gemini

import (
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// end writes the last chunk. Each candidate has a part in it, as SDKs take one
// without for broken.
func (s *streamEncoder) end(dst []byte, r *codec.Response) []byte {
	s.over = true
	if s.tail == nil {
		s.begin(r)
	}
	if r == nil {
		r = &s.answer
	}
	usage, tier := r.Usage, r.ServiceTier
	if usage == (llm.Usage{}) {
		usage = s.answer.Usage
	}
	s.w.Reset()
	s.w.Object()
	blocked := r.Blocked != "" && s.silent()
	if blocked {
		writeBlocked(&s.w, r, s.own)
	} else {
		s.w.ArrayField("candidates")
		for _, c := range s.choices {
			s.last(c, r)
		}
		s.w.EndArray()
	}
	writeUsage(&s.w, usage, tier)
	for _, f := range r.Extra {
		switch {
		case !s.own:
			s.lost.Drop(f.Name)
		case strings.HasPrefix(f.Name, "candidates["), f.Name == "promptFeedback" && blocked:
		default:
			s.w.RawField(f.Name, string(f.Value))
		}
	}
	return s.chunk(dst)
}

func (s *streamEncoder) silent() bool {
	for _, c := range s.choices {
		if c.n > 0 {
			return false
		}
	}
	return true
}

func (s *streamEncoder) last(c *written, r *codec.Response) {
	w := &s.w
	w.Object()
	w.RawField("content", `{"parts":[{"text":""}],"role":"model"}`)
	writeFinish(w, c.finish, s.own)
	w.IntField("index", int64(c.index))
	if s.own {
		for _, f := range r.Extra {
			if name, ok := strings.CutPrefix(f.Name, index("candidates", c.index)+"."); ok {
				w.RawField(name, string(f.Value))
			}
		}
	} else {
		writeGrounding(w, c.notes)
	}
	w.End()
}
