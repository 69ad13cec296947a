package chat

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func readAnnotations(v gjson.Result) (list []codec.Annotation) {
	codec.Each(v, func(_, e gjson.Result) bool {
		a := codec.Annotation{Raw: json.RawMessage(e.Raw), Origin: op}
		if c := e.Get("url_citation"); c.IsObject() {
			a.URL, a.Title = c.Get("url").Str, c.Get("title").Str
			a.Start, a.End = c.Get("start_index").Int(), c.Get("end_index").Int()
			a.CitedText = c.Get("content").Str // OpenRouter's
		}
		list = append(list, a)
		return true
	})
	return list
}

// annotate gives the annotations of a message to its last text.
func annotate(parts []codec.Part, list []codec.Annotation) {
	last, before, n := -1, int64(0), int64(0)
	for i := range parts {
		if parts[i].Kind == codec.Text {
			last, before, n = i, before+n, runes(parts[i].Text)
		}
	}
	if last >= 0 {
		within(list, before, n)
		parts[last].Annotations = list
	}
}

// within makes offsets of a whole content those of a text of n characters in it, which
// before characters precede. Those of a place that is not in it are not known.
func within(list []codec.Annotation, before, n int64) {
	for i := range list {
		a := &list[i]
		if a.Start < before || a.End < a.Start || a.End > before+n {
			a.Start, a.End = 0, 0
		} else {
			a.Start, a.End = a.Start-before, a.End-before
		}
	}
}

// note is an annotation and where its text begins within the whole.
type note struct {
	codec.Annotation
	offset int64
}

// writes says whether one of the annotations has a form here.
func writes(notes []note) bool {
	for i := range notes {
		if notes[i].URL != "" || notes[i].Origin == op {
			return true
		}
	}
	return false
}

// writeAnnotation writes an annotation of a text that begins offset characters into
// the whole content.
func writeAnnotation(w *jsonwrite.Writer, a *codec.Annotation, offset int64, lost *codec.Losses) {
	switch {
	case a.Origin == op && len(a.Raw) > 0: // its offsets are those of the whole content
		w.Raw(string(a.Raw))
	case a.URL == "":
		lost.Drop("annotations")
	default:
		if a.CitedText != "" {
			lost.Drop("annotations.cited_text")
		}
		start, end := a.Start, a.End
		if start != 0 || end != 0 {
			start, end = start+offset, end+offset
		}
		w.Object()
		w.StringField("type", "url_citation")
		w.ObjectField("url_citation")
		w.IntField("start_index", start)
		w.IntField("end_index", end)
		w.StringField("url", a.URL)
		w.StringField("title", a.Title)
		w.End()
		w.End()
	}
}
