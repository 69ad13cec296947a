package responses

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// content reads a list of content parts.
func content(v gjson.Result, at string) (parts []codec.Part, err error) {
	err = eachElement(v, at, func(v gjson.Result, at string) error {
		p, err := contentPart(v, at)
		parts = append(parts, p)
		return err
	})
	return parts, err
}

const cacheMember = "prompt_cache_breakpoint"

func contentPart(v gjson.Result, at string) (codec.Part, error) {
	kind, err := codec.String(v.Get("type"), at+".type")
	if err != nil {
		return codec.Part{}, err
	}
	var p codec.Part
	known := []string{"type", cacheMember}
	switch kind {
	case "input_text", "output_text", "text":
		p.Text, err = readString(v, "text", at)
		if a := v.Get("annotations"); a.IsArray() && err == nil {
			p.Annotations = annotations(a)
		}
		known = append(known, "text", "annotations")
		if v.Get("logprobs.#").Int() == 0 {
			known = append(known, "logprobs")
		}
	case "refusal":
		p.Kind = codec.Refusal
		p.Text, err = readString(v, "refusal", at)
		known = append(known, "refusal")
	case "input_image":
		p.Kind, known = codec.Image, append(known, "image_url", "file_id", "detail")
		p.Media, err = readMedia(v, at, "image_url", "", "detail")
	case "input_file":
		p.Kind, known = codec.File, append(known, "file_url", "file_data", "file_id", "filename", "detail")
		p.Media, err = readMedia(v, at, "file_url", "file_data", "detail")
		if err == nil {
			p.Media.Name, err = codec.String(v.Get("filename"), at+".filename")
		}
	case "input_audio":
		if len(extras(v.Get("input_audio"), "data", "format")) > 0 {
			return opaque(v), nil
		}
		p.Kind, known = codec.Audio, append(known, "input_audio")
		p.Media, err = readAudio(v, at)
	default:
		if !isContent(kind) {
			return p, codec.Invalid(at+".type", "%q is not known", kind)
		}
		return opaque(v), nil
	}
	if err != nil {
		return p, err
	}
	if b := v.Get(cacheMember); b.IsObject() {
		p.Cache = &codec.Cache{}
		if len(extras(b, "mode")) > 0 { // a lifetime, in words that only OpenAI knows
			p.Extra = append(p.Extra, codec.Field{Name: cacheMember, Value: json.RawMessage(b.Raw)})
		}
	} else if b.Exists() && b.Type != gjson.Null {
		return p, codec.Invalid(at+"."+cacheMember, "it must be an object")
	}
	p.Extra = append(p.Extra, extras(v, known...)...)
	return p, nil
}

func opaque(v gjson.Result) codec.Part {
	return codec.Part{Kind: codec.Opaque, Raw: json.RawMessage(v.Raw), Origin: op}
}

// isContent tells the type of a content part from that of an item, of which new
// ones appear.
func isContent(kind string) bool {
	return strings.HasPrefix(kind, "input_") || strings.HasPrefix(kind, "output_") ||
		kind == "computer_screenshot" || kind == "summary_text" || kind == "reasoning_text"
}

// readString reads a string that must be there, and may be empty.
func readString(v gjson.Result, name, at string) (string, error) {
	if s := v.Get(name); s.Type == gjson.String {
		return s.Str, nil
	}
	return "", codec.Invalid(at+"."+name, "it must be a string")
}

func readMedia(v gjson.Result, at, url, data, detail string) (*codec.Media, error) {
	m := &codec.Media{}
	set := 0
	for _, f := range []struct {
		name string
		to   *string
	}{{url, &m.URL}, {data, &m.Data}, {"file_id", &m.FileID}, {detail, &m.Detail}} {
		if f.name == "" {
			continue
		}
		s, err := codec.String(v.Get(f.name), at+"."+f.name)
		if err != nil {
			return nil, err
		}
		if *f.to = s; s != "" && f.to != &m.Detail {
			set++
		}
	}
	switch set {
	case 0:
		return nil, codec.Invalid(at+"."+url, "it is required, or else file_id")
	case 1:
	default:
		return nil, codec.Invalid(at, "only one of the image or file, its URL and its id can be given")
	}
	if m.URL != "" {
		if mime, base64, ok := cutDataURL(m.URL); ok {
			m.MIME, m.Data, m.URL = mime, base64, ""
		}
	} else if mime, base64, ok := cutDataURL(m.Data); ok {
		m.MIME, m.Data = mime, base64
	}
	return m, nil
}

// cutDataURL parts a data URL of the one form that is written again the same.
func cutDataURL(s string) (mime, base64 string, ok bool) {
	rest, ok := strings.CutPrefix(s, "data:")
	if !ok {
		return "", "", false
	}
	mime, base64, ok = strings.Cut(rest, ";base64,")
	return mime, base64, ok && mime != "" && base64 != "" && !strings.ContainsAny(mime, ";,")
}

func readAudio(v gjson.Result, at string) (*codec.Media, error) {
	at += ".input_audio"
	data, err := required(v.Get("input_audio"), "data", at)
	if err != nil {
		return nil, err
	}
	format, err := required(v.Get("input_audio"), "format", at)
	if format == "mp3" {
		format = "mpeg"
	}
	return &codec.Media{MIME: "audio/" + format, Data: data}, err
}

func annotations(v gjson.Result) (list []codec.Annotation) {
	codec.Each(v, func(_, a gjson.Result) bool {
		list = append(list, annotation(a))
		return true
	})
	return list
}

func annotation(a gjson.Result) codec.Annotation {
	return codec.Annotation{
		URL: a.Get("url").Str, Title: a.Get("title").Str,
		Start: a.Get("start_index").Int(), End: a.Get("end_index").Int(),
		Raw: json.RawMessage(a.Raw), Origin: op,
	}
}
