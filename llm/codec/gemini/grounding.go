package gemini

import (
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// A textAt is a text of an answer, and where its part stands in content.parts.
type textAt struct {
	index int
	text  string
}

// ground finds the annotations that groundingMetadata and citationMetadata are for
// each of the texts. Their offsets are bytes of the text of one part.
func ground(grounding, citations gjson.Result, texts []textAt) [][]codec.Annotation {
	if len(texts) == 0 {
		return nil
	}
	out := make([][]codec.Annotation, len(texts))
	chunks := grounding.Get("groundingChunks").Array()
	supports := grounding.Get("groundingSupports").Array()
	for _, s := range supports {
		segment := s.Get("segment")
		at := textOf(texts, segment)
		for _, i := range s.Get("groundingChunkIndices").Array() {
			if n := i.Int(); n >= 0 && n < int64(len(chunks)) {
				a := source(chunks[n])
				a.Start, a.End = runes(texts[at].text, segment.Get("startIndex").Int(), segment.Get("endIndex").Int())
				out[at] = append(out[at], a)
			}
		}
	}
	if last := len(texts) - 1; len(supports) == 0 {
		for _, c := range chunks {
			out[last] = append(out[last], source(c))
		}
	}
	list := citations.Get("citations")
	if !list.Exists() {
		list = citations.Get("citationSources")
	}
	for _, c := range list.Array() {
		a := codec.Annotation{URL: c.Get("uri").String(), Title: c.Get("title").String(), Raw: []byte(c.Raw), Origin: op}
		a.Start, a.End = runes(texts[0].text, c.Get("startIndex").Int(), c.Get("endIndex").Int())
		out[0] = append(out[0], a)
	}
	return out
}

// textOf is the text that a segment is of: that of its part, or the last.
func textOf(texts []textAt, segment gjson.Result) int {
	if i := segment.Get("partIndex"); i.Exists() {
		for k, t := range texts {
			if int64(t.index) == i.Int() {
				return k
			}
		}
	}
	return len(texts) - 1
}

func source(chunk gjson.Result) codec.Annotation {
	a := codec.Annotation{Raw: []byte(chunk.Raw), Origin: op}
	codec.Each(chunk, func(_, v gjson.Result) bool { // web, retrievedContext, maps
		a.URL, a.Title = v.Get("uri").String(), v.Get("title").String()
		return a.URL == ""
	})
	return a
}

// runes turns offsets in bytes into offsets in runes, both 0 when they lie outside.
func runes(text string, start, end int64) (int64, int64) {
	if start < 0 || end <= start || end > int64(len(text)) {
		return 0, 0
	}
	first := int64(utf8.RuneCountInString(text[:start]))
	return first, first + int64(utf8.RuneCountInString(text[start:end]))
}

// bytesAt turns an offset in runes into one in bytes.
func bytesAt(text string, at int64) int64 {
	for i := range text {
		if at <= 0 {
			return int64(i)
		}
		at--
	}
	return int64(len(text))
}

// cited are the annotations of a text of an answer to be written.
type cited struct {
	textAt
	notes []codec.Annotation
}

// writeGrounding writes annotations as groundingMetadata.
func writeGrounding(w *jsonwrite.Writer, all []cited) {
	chunk := map[string]int{}
	var chunks, supports jsonwrite.Writer
	for _, c := range all {
		for _, a := range c.notes {
			if a.URL == "" && a.Title == "" {
				continue
			}
			i, ok := chunk[a.URL]
			if !ok {
				i = len(chunk)
				chunk[a.URL] = i
				chunks.Object()
				chunks.ObjectField("web")
				chunks.StringField("uri", a.URL)
				chunks.StringField("title", a.Title)
				chunks.End()
				chunks.End()
			}
			if a.End <= a.Start {
				continue
			}
			start, end := bytesAt(c.text, a.Start), bytesAt(c.text, a.End)
			supports.Object()
			supports.ObjectField("segment")
			supports.IntField("partIndex", int64(c.index))
			supports.IntField("startIndex", start)
			supports.IntField("endIndex", end)
			supports.StringField("text", c.text[start:end])
			supports.End()
			supports.ArrayField("groundingChunkIndices")
			supports.Int(int64(i))
			supports.EndArray()
			supports.End()
		}
	}
	if len(chunk) == 0 {
		return
	}
	w.ObjectField("groundingMetadata")
	w.RawField("groundingChunks", "["+string(chunks.B)+"]")
	w.RawField("groundingSupports", "["+string(supports.B)+"]")
	w.End()
}
