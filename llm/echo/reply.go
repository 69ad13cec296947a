package echo

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

const (
	maxDelay  = time.Second
	maxChunks = 10_000
)

// request is what a reply depends on, whatever the protocol.
type request struct {
	text      string // what is answered
	fromTools bool   // text is the results of tools
	tools     []tool
	choice    toolChoice
	schema    json.RawMessage // the reply's, if it is to be structured
	stops     []string
	maxWords  int // 0 or less for no limit
}

// finish is why a reply ends. Each protocol has its own words for it.
type finish int

const (
	finishEnd finish = iota
	finishLength
	finishStop // at a stop sequence
	finishCalls
)

// reply is either a text or calls.
type reply struct {
	text   string
	calls  []toolCall
	finish finish
	stop   string // the stop sequence that ended the text
	delay  time.Duration
}

// words is the number of tokens that the reply counts.
func (r reply) words() int {
	n := words(r.text)
	for _, c := range r.calls {
		n += words(c.name) + words(c.arguments)
	}
	return n
}

// size is the length in bytes.
func (r reply) size() int {
	n := len(r.text)
	for _, c := range r.calls {
		n += len(c.name) + len(c.arguments)
	}
	return n
}

// fits refuses an answer larger than a request may be, as several choices of a
// long text would make it.
func fits(param string, size int) error {
	if size > maxBody {
		return invalid(param, "the answer would be larger than %d MiB; ask for less", maxBody>>20)
	}
	return nil
}

func (q request) reply() (reply, error) {
	m := marks(q.text)
	if m.status != 0 {
		return reply{}, upstreamError(m.status)
	}
	r := reply{text: m.text, delay: m.delay}
	if m.chunks > 0 {
		r.text = smallWords(m.chunks)
	}
	if !q.fromTools {
		calls, err := q.choice.calls(m.text, q.tools)
		if err != nil {
			return reply{}, err
		}
		if calls != nil {
			return reply{calls: calls, finish: finishCalls, delay: m.delay}, nil
		}
	}
	if !isNull(q.schema) {
		r.text = sample(q.schema)
	}
	r.limit(q.stops, q.maxWords)
	return r, nil
}

// limit ends the text where a stop sequence begins or the words run out,
// whichever comes first.
func (r *reply) limit(stops []string, maxWords int) {
	for _, s := range stops {
		if i := strings.Index(r.text, s); i >= 0 && s != "" {
			r.text, r.stop, r.finish = r.text[:i], s, finishStop
		}
	}
	if maxWords <= 0 {
		return
	}
	for n, rest := 0, r.text; strings.TrimSpace(rest) != ""; n++ {
		if n == maxWords {
			r.text, r.stop, r.finish = r.text[:len(r.text)-len(rest)], "", finishLength
			return
		}
		rest = rest[word(rest):]
	}
}

// marked is a text without its markers, and what they say.
type marked struct {
	text   string
	delay  time.Duration
	chunks int
	status int
}

var marker = regexp.MustCompile(`\[\[echo:([a-z]+)=([0-9a-z.µ]+)\]\]\s?`)

func marks(text string) marked {
	var m marked
	m.text = marker.ReplaceAllStringFunc(text, func(s string) string {
		match := marker.FindStringSubmatch(s)
		if !m.set(match[1], match[2]) {
			return s
		}
		return ""
	})
	if len(m.text) < len(text) {
		m.text = strings.TrimSpace(m.text)
	}
	return m
}

// set takes over one marker, if it is well formed.
func (m *marked) set(name, value string) bool {
	switch name {
	case "delay":
		d, err := time.ParseDuration(value)
		if err == nil {
			m.delay = min(d, maxDelay)
		}
		return err == nil
	case "chunks":
		n, err := strconv.Atoi(value)
		if err == nil {
			m.chunks = min(n, maxChunks)
		}
		return err == nil
	case "status":
		n, err := strconv.Atoi(value)
		if err != nil || n < 400 || n > 599 {
			return false
		}
		m.status = n
		return true
	}
	return false
}

// smallWords are n different words.
func smallWords(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("w" + strconv.Itoa(i+1))
	}
	return b.String()
}

// upstreamError is the error of an upstream that answers with status.
func upstreamError(status int) *llm.Error {
	code := llm.CodeOf(status)
	switch status { // to a gateway its own credentials, to an upstream the caller's
	case 401:
		code = llm.CodeUnauthenticated
	case 403:
		code = llm.CodePermissionDenied
	}
	e := llm.Errorf(code, "the text asked echo for status %d", status)
	e.Status = status
	return e
}
