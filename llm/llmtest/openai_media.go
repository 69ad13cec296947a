package llmtest

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
)

// pixel is a PNG of one pixel, in base64.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="

// form is a multipart request.
type form struct {
	values     map[string]string
	file       []byte
	name, mime string
}

// form parses the body as multipart; the answer says what is wrong with it.
func (c *call) form(required ...string) (form, reply, bool) {
	f := form{values: map[string]string{}}
	_, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return f, c.p.reject(http.StatusBadRequest, "fake upstream: the body is not multipart/form-data"), false
	}
	parts := multipart.NewReader(bytes.NewReader(c.raw), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		var b []byte
		if err == nil {
			b, err = io.ReadAll(part)
		}
		if err != nil {
			return f, c.p.reject(http.StatusBadRequest, "fake upstream: broken multipart body: "+err.Error()), false
		}
		if part.FileName() != "" {
			f.file, f.name, f.mime = b, part.FileName(), part.Header.Get("Content-Type")
		}
		f.values[part.FormName()] = string(b)
	}
	for _, name := range required {
		if _, ok := f.values[name]; !ok {
			return f, c.p.reject(http.StatusBadRequest, "fake upstream: missing form field: "+name), false
		}
	}
	return f, reply{}, true
}

func (c *call) images() reply {
	if c.path[1] == "generations" {
		if a, bad := c.missing("prompt"); bad {
			return a
		}
	} else if _, a, ok := c.form("image"); !ok {
		return a
	}
	return c.p.jsonReply(object{"created", created, "data", []any{object{"b64_json", pixel}}, "usage",
		object{"total_tokens", InputTokens + OutputTokens, "input_tokens", InputTokens, "output_tokens", OutputTokens,
			"input_tokens_details", object{"text_tokens", InputTokens, "image_tokens", 0}}})
}

// speech answers with bytes of every value, so that nobody takes them for text.
// They come in as many writes as the fault's Chunks says.
func (c *call) speech() reply {
	if a, bad := c.missing("model", "input", "voice"); bad {
		return a
	}
	size, chunks := max(c.fault.Size, 4096), max(c.fault.Chunks, 1)
	audio := make([]byte, size)
	for i := range audio {
		audio[i] = byte(i * 7)
	}
	a := reply{status: http.StatusOK, header: c.p.header("audio/mpeg"), stream: true}
	for n := chunks; n > 0; n-- {
		end := len(audio) / n
		a.events = append(a.events, audio[:end])
		audio = audio[end:]
	}
	return a
}

func (c *call) transcription() reply {
	f, a, ok := c.form("file", "model")
	if !ok {
		return a
	}
	text := "Grüße: " + f.name
	if f.values["response_format"] == "text" {
		return reply{status: http.StatusOK, header: c.p.header("text/plain"), events: [][]byte{[]byte(text + "\n")}}
	}
	return c.p.jsonReply(object{"text", text, "usage", object{"type", "tokens", "total_tokens", InputTokens + OutputTokens,
		"input_tokens", InputTokens, "output_tokens", OutputTokens,
		"input_token_details", object{"text_tokens", 0, "audio_tokens", InputTokens}}})
}

func (c *call) openAIFiles() reply {
	const kind = "openai.file"
	switch {
	case c.is(http.MethodPost, "files"):
		f, a, ok := c.form("file", "purpose")
		if !ok {
			return a
		}
		id := c.u.nextID("file-")
		b := encode(object{"id", id, "object", "file", "bytes", len(f.file), "created_at", created, "expires_at", nil,
			"filename", f.name, "purpose", f.values["purpose"], "status", "processed", "status_details", nil})
		c.u.put(id, stored{kind, b, f.file, f.mime})
		return c.p.jsonReply(rawJSON(b))
	case c.is(http.MethodGet, "files"):
		return c.page(c.u.list(kind))
	case c.is(http.MethodGet, "files", "*"):
		return c.stored(kind)
	case c.is(http.MethodGet, "files", "*", "content"):
		return c.content(kind)
	case c.is(http.MethodDelete, "files", "*"):
		return c.remove(kind, "file")
	}
	return c.notFound()
}

// content is a file's bytes.
func (c *call) content(kind string) reply {
	s, ok := c.u.get(kind, c.path[1])
	if !ok {
		return c.notFound()
	}
	return reply{status: http.StatusOK, header: c.p.header("application/octet-stream"), events: [][]byte{s.data}}
}
