package chat

import (
	"strings"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// reasons are the finish reasons of OpenAI and of upstreams that have more.
var reasons = map[string]codec.Reason{
	"stop":           codec.ReasonStop,
	"length":         codec.ReasonLength,
	"tool_calls":     codec.ReasonToolCalls,
	"function_call":  codec.ReasonToolCalls,
	"content_filter": codec.ReasonFilter,

	"model_length":                 codec.ReasonLength, // Mistral
	"max_tokens":                   codec.ReasonLength,
	"error":                        codec.ReasonError, // Mistral, OpenRouter
	"insufficient_system_resource": codec.ReasonError, // DeepSeek
}

// finishOf reads a finish reason. Some upstreams say stop for an answer that calls
// tools.
func finishOf(word string, called bool) codec.Finish {
	reason, ok := reasons[word]
	if !ok {
		reason = codec.ReasonStop
	}
	if reason == codec.ReasonStop && called {
		reason = codec.ReasonToolCalls
	}
	return codec.Finish{Reason: reason, Raw: word}
}

// finishWords are the finish reasons that are written.
var finishWords = map[codec.Reason]string{
	codec.ReasonStop:      "stop",
	codec.ReasonPause:     "stop",
	codec.ReasonLength:    "length",
	codec.ReasonToolCalls: "tool_calls",
	codec.ReasonFilter:    "content_filter",
}

func finishWord(r codec.Reason) string {
	if w, ok := finishWords[r]; ok {
		return w
	}
	return "stop"
}

// audioTypes are the formats of input_audio whose MIME type is not audio/format.
var audioTypes = map[string]string{"mp3": "audio/mpeg"}

func audioType(format string) string {
	if t, ok := audioTypes[format]; ok {
		return t
	}
	return "audio/" + format
}

// audioFormats is the way back.
var audioFormats = map[string]string{
	"audio/mpeg": "mp3", "audio/mp3": "mp3",
	"audio/wave": "wav", "audio/x-wav": "wav", "audio/vnd.wave": "wav",
}

func audioFormat(mime string) string {
	if f, ok := audioFormats[mime]; ok {
		return f
	}
	return strings.TrimPrefix(mime, "audio/")
}

// fileNames are for documents without a name: OpenAI wants one.
var fileNames = map[string]string{"application/pdf": "document.pdf", "text/plain": "document.txt"}

func fileName(m *codec.Media) string {
	for _, name := range []string{m.Name, m.Title, fileNames[m.MIME]} {
		if name != "" {
			return name
		}
	}
	return "document"
}
