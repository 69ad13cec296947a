package llmproxy

import (
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
)

// geminiChunk reads one chunk of a stream. Its usage is cumulative; a finish reason
// says that nothing is missing, as the stream has no event that does.
func (r *reading) geminiChunk(data []byte) {
	walk(data, 0, func(name []byte, at int) int {
		end := jsonscan.Skip(data, at)
		if end < at {
			return end
		}
		switch string(name) {
		case "candidates":
			r.geminiCalls(data[at:end])
		case "usageMetadata":
			r.setGeminiUsage(data[at:end])
		case "promptFeedback":
			r.ended = true
		case "error":
			r.failed, r.ended = true, true
		}
		return end
	})
	r.usage.Final = r.ended && !r.failed && r.usage.Total().Known
}

// setGeminiUsage takes a usageMetadata: the prompt includes what was cached, the
// candidates do not include the thoughts.
func (r *reading) setGeminiUsage(v []byte) {
	var prompt, cached, output, thoughts, tools llm.Count
	walk(v, 0, func(name []byte, at int) int {
		end := jsonscan.Skip(v, at)
		n, ok := number(v, at, end)
		if !ok {
			return end
		}
		switch string(name) {
		case "promptTokenCount":
			prompt = n
		case "cachedContentTokenCount":
			cached = n
		case "candidatesTokenCount":
			output = n
		case "thoughtsTokenCount":
			thoughts = n
		case "toolUsePromptTokenCount":
			tools = n
		}
		return end
	})
	u := &r.usage
	if prompt.Known {
		u.Input = llm.Known(max(0, prompt.N-cached.N) + tools.N)
	}
	take(&u.CacheRead, cached)
	take(&u.Reasoning, thoughts)
	if output.Known || thoughts.Known {
		u.Output = llm.Known(output.N + thoughts.N)
	}
}

// geminiCalls reads the candidates of an answer, or of a chunk.
func (r *reading) geminiCalls(v []byte) {
	call := func(v []byte, at int) int {
		return walk(v, at, func(name []byte, at int) int {
			end := jsonscan.Skip(v, at)
			if string(name) == "name" && end > at {
				r.tool(v[at:end])
			}
			return end
		})
	}
	part := func(v []byte, at int) int {
		return walk(v, at, func(name []byte, at int) int {
			switch string(name) {
			case "functionCall":
				return call(v, at)
			case "text":
				end := jsonscan.Skip(v, at)
				r.textBytes += max(0, end-at-2)
				return end
			}
			return jsonscan.Skip(v, at)
		})
	}
	items(v, 0, func(v []byte, at int) int {
		return walk(v, at, func(name []byte, at int) int {
			switch string(name) {
			case "content":
				return walk(v, at, func(name []byte, at int) int {
					if string(name) == "parts" {
						return items(v, at, part)
					}
					return jsonscan.Skip(v, at)
				})
			case "finishReason":
				r.ended = true
			}
			return jsonscan.Skip(v, at)
		})
	})
}
