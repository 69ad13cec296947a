package chat

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// readContent reads a content that is a string, a list of parts, or nothing. Texts
// that are empty are nothing too.
func readContent(v gjson.Result, param string) ([]codec.Part, error) {
	switch {
	case !set(v):
		return nil, nil
	case v.Type == gjson.String:
		if v.Str == "" {
			return nil, nil
		}
		return []codec.Part{{Text: v.Str}}, nil
	case !v.IsArray():
		return nil, codec.Invalid(param, "it must be a string or a list of parts")
	}
	var parts []codec.Part
	for i, e := range v.Array() {
		p, err := readPart(e, at(param, i))
		if err != nil {
			return nil, err
		}
		if (p.Kind == codec.Text || p.Kind == codec.Refusal) && p.Text == "" && p.Cache == nil && p.Extra == nil {
			continue
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// partReaders read the member of a part that is named like its type.
var partReaders = map[string]func(p *codec.Part, v gjson.Result, param string) error{
	"text": func(p *codec.Part, v gjson.Result, param string) error {
		p.Kind, p.Text = codec.Text, v.Str
		return isString(v, param)
	},
	"refusal": func(p *codec.Part, v gjson.Result, param string) error {
		p.Kind, p.Text = codec.Refusal, v.Str
		return isString(v, param)
	},
	"image_url":   readImage,
	"input_audio": readAudio,
	"file":        readFile,
}

func isString(v gjson.Result, param string) error {
	if v.Type != gjson.String {
		return codec.Invalid(param, "it must be a string")
	}
	return nil
}

func readPart(v gjson.Result, param string) (p codec.Part, err error) {
	if err := object(v, param); err != nil {
		return p, err
	}
	kind, err := text(v.Get("type"), param+".type")
	if err != nil {
		return p, err
	}
	read, ok := partReaders[kind]
	if !ok { // of a compatible upstream, such as video_url
		return codec.Part{Kind: codec.Opaque, Raw: json.RawMessage(v.Raw), Origin: op}, nil
	}
	if err := read(&p, v.Get(kind), param+"."+kind); err != nil {
		return p, err
	}
	codec.Each(v, func(name, m gjson.Result) bool {
		switch name.Str {
		case "type", kind:
		case "cache_control":
			p.Cache, err = cacheControl(m, param+".cache_control")
		default:
			p.Extra = keep(p.Extra, name.Str, m)
		}
		return err == nil
	})
	return p, err
}

// readImage reads image_url, which some clients send as a mere string.
func readImage(p *codec.Part, v gjson.Result, param string) error {
	p.Kind, p.Media = codec.Image, &codec.Media{}
	url, urlParam := v, param
	if v.Type != gjson.String {
		if err := object(v, param); err != nil {
			return err
		}
		url, urlParam = v.Get("url"), param+".url"
		detail, err := codec.String(v.Get("detail"), param+".detail")
		if err != nil {
			return err
		}
		p.Media.Detail = detail
		p.Extra = keepRest(nil, "image_url", v, "url", "detail")
	}
	s, err := text(url, urlParam)
	if err != nil {
		return err
	}
	return readURL(p.Media, s, urlParam)
}

// readURL puts a data URL's content, or any other URL, into m.
func readURL(m *codec.Media, s, param string) error {
	rest, ok := strings.CutPrefix(s, "data:")
	if !ok {
		m.URL = s
		return nil
	}
	head, data, ok := strings.Cut(rest, ",")
	mime, ok64 := strings.CutSuffix(head, ";base64")
	if !ok || !ok64 {
		return codec.Invalid(param, "a data URL must be data:<type>;base64,<data>")
	}
	m.MIME, _, _ = strings.Cut(mime, ";")
	m.Data = data
	return nil
}

func readAudio(p *codec.Part, v gjson.Result, param string) error {
	if err := object(v, param); err != nil {
		return err
	}
	data, err1 := text(v.Get("data"), param+".data")
	format, err2 := text(v.Get("format"), param+".format")
	p.Kind, p.Media = codec.Audio, &codec.Media{MIME: audioType(format), Data: data}
	p.Extra = keepRest(nil, "input_audio", v, "data", "format")
	return first(err1, err2)
}

// readFile reads a document: inline, or stored with the provider. OpenRouter takes a
// URL in the place of the data.
func readFile(p *codec.Part, v gjson.Result, param string) error {
	if err := object(v, param); err != nil {
		return err
	}
	m := &codec.Media{}
	var errs [4]error
	var data string
	m.FileID, errs[0] = codec.String(v.Get("file_id"), param+".file_id")
	m.Name, errs[1] = codec.String(v.Get("filename"), param+".filename")
	data, errs[2] = codec.String(v.Get("file_data"), param+".file_data")
	switch {
	case m.FileID != "" && data != "":
		errs[3] = codec.Invalid(param, "it must have file_data or file_id, not both")
	case m.FileID == "" && data == "":
		errs[3] = codec.Invalid(param, "it must have file_data or file_id")
	case strings.HasPrefix(data, "data:"), strings.HasPrefix(data, "http://"), strings.HasPrefix(data, "https://"):
		errs[3] = readURL(m, data, param+".file_data")
	default:
		m.Data = data
	}
	p.Kind, p.Media = codec.File, m
	p.Extra = keepRest(nil, "file", v, "file_data", "file_id", "filename")
	return first(errs[:]...)
}
