package llmtest

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// geminiModels are what GET /v1beta/models lists, geminiPage of them at a time at
// most, so that who wants all must ask again.
var geminiModels = []string{"gemini-test", "gemini-test-mini", "gemini-embedding-test"}

const geminiPage = 2

// geminiPath says whether a request is Gemini's by its path, or by its key where
// others have the same path.
func geminiPath(r *http.Request) bool {
	path := r.URL.Path
	return strings.HasPrefix(path, "/v1beta/") ||
		strings.HasPrefix(path, "/v1/models/") && r.Method == http.MethodPost ||
		strings.HasPrefix(path, "/v1/models") && r.Header.Get("X-Goog-Api-Key") != ""
}

// google says whether the protocol is Gemini's, in either form.
func (p protocol) google() bool { return p == gemini || p == geminiArray }

// googleKey answers as Google does: 400 to a wrong key, 403 to none, 401 to a token.
// A key in the query, which Google takes, is refused: it would stand in every log.
func (u *Upstream) googleKey(p protocol, r *http.Request) (reply, bool) {
	for _, name := range []string{"Authorization", "X-Api-Key"} {
		if r.Header.Get(name) != "" {
			return p.failure(http.StatusUnauthorized, Fault{Message: "a key in " + name, Code: "ACCESS_TOKEN_TYPE_UNSUPPORTED"}), true
		}
	}
	if r.URL.Query().Has("key") {
		return p.failure(http.StatusBadRequest, Fault{Message: "a key in the query", Code: "API_KEY_INVALID"}), true
	}
	keys := r.Header.Values("X-Goog-Api-Key")
	for _, key := range keys {
		if subtle.ConstantTimeCompare([]byte(key), []byte(u.Key)) != 1 {
			return p.failure(http.StatusBadRequest, Fault{Message: "a wrong key in x-goog-api-key", Code: "API_KEY_INVALID"}), true
		}
	}
	if len(keys) == 0 {
		return p.failure(http.StatusForbidden, Fault{Message: "no key in x-goog-api-key"}), true
	}
	return reply{}, false
}

// googleEnvelope is an error's body. A fault's code is its reason; its RetryAfter, if
// that is a number of seconds or a duration, stands in it too: Google sends no header.
func (p protocol) googleEnvelope(status int, word string, f Fault) []byte {
	e := object{"code", status, "message", f.Message, "status", word}
	details := []any{}
	if f.Code != "" {
		details = append(details, object{"@type", "type.googleapis.com/google.rpc.ErrorInfo", "reason", f.Code, "domain", "googleapis.com"})
	}
	delay, err := time.ParseDuration(f.RetryAfter)
	if n, notNumber := strconv.Atoi(f.RetryAfter); notNumber == nil {
		delay, err = time.Duration(n)*time.Second, nil
	}
	if f.RetryAfter != "" && err == nil {
		seconds := strconv.FormatFloat(delay.Seconds(), 'f', -1, 64) + "s"
		details = append(details, object{"@type", "type.googleapis.com/google.rpc.RetryInfo", "retryDelay", seconds})
	}
	if len(details) > 0 {
		e = append(e, "details", details)
	}
	if p == geminiArray {
		return encode([]any{object{"error", e}})
	}
	return encode(object{"error", e})
}

// gemini answers a request of Gemini's protocol.
func (c *call) gemini() reply {
	if c.is(http.MethodGet, "models") {
		return c.geminiList()
	}
	model, ok := strings.CutPrefix(strings.Join(c.path, "/"), "models/")
	if !ok {
		return c.notFound()
	}
	if c.r.Method == http.MethodGet {
		if !slices.Contains(geminiModels, model) {
			return c.noGemini(model, "getModel")
		}
		return c.p.jsonReply(geminiModel(model))
	}
	at := strings.LastIndexByte(model, ':')
	if at < 0 || c.r.Method != http.MethodPost {
		return c.notFound()
	}
	model, action := model[:at], model[at+1:]
	if model == UnknownModel {
		return c.noGemini(model, action)
	}
	switch action {
	case "generateContent":
		return c.generate(model)
	case "streamGenerateContent":
		return c.generateStream(model)
	case "countTokens":
		return c.geminiTokens()
	case "embedContent":
		if a, bad := c.missing("content.parts.0"); bad {
			return a
		}
		return c.p.jsonReply(object{"embedding", geminiEmbedding(c.body, 0)})
	case "batchEmbedContents":
		return c.geminiBatch(model)
	}
	return c.notFound()
}

func (c *call) noGemini(model, action string) reply {
	return c.p.reject(http.StatusNotFound, "models/"+model+" is not found for API version v1beta, or is not supported for "+action+
		". Call ListModels to see the list of available models and their supported methods.")
}

func geminiModel(id string) object {
	methods := []string{"generateContent", "countTokens"}
	if strings.Contains(id, "embedding") {
		methods = []string{"embedContent", "batchEmbedContents"}
	}
	return object{"name", "models/" + id, "version", "001", "displayName", "Model " + id, "description", "A fake.",
		"inputTokenLimit", 1048576, "outputTokenLimit", 65536, "supportedGenerationMethods", methods,
		"temperature", 1, "topP", 0.95, "topK", 64, "maxTemperature", 2}
}

// geminiList is a page of the models. A token is the number of the first model.
func (c *call) geminiList() reply {
	q := c.r.URL.Query()
	first, size := 0, geminiPage
	if s := q.Get("pageSize"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return c.p.reject(http.StatusBadRequest, "fake upstream: pageSize is no number")
		}
		if n > 0 {
			size = min(n, geminiPage)
		}
	}
	if s := q.Get("pageToken"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n >= len(geminiModels) {
			return c.p.reject(http.StatusBadRequest, "fake upstream: pageToken is not from an earlier answer")
		}
		first = n
	}
	end := min(first+size, len(geminiModels))
	list := []any{}
	for _, id := range geminiModels[first:end] {
		list = append(list, geminiModel(id))
	}
	o := object{"models", list}
	if end < len(geminiModels) {
		o = append(o, "nextPageToken", strconv.Itoa(end))
	}
	return c.p.jsonReply(o)
}

// geminiTokens counts contents, or a whole request, which must name its model.
func (c *call) geminiTokens() reply {
	whole := member(c.body, "generateContentRequest")
	switch {
	case !whole.Exists():
		if a, bad := c.missing("contents.0"); bad {
			return a
		}
	case !strings.HasPrefix(whole.Get("model").Str, "models/"):
		return c.p.reject(http.StatusBadRequest, "* CountTokensRequest.generate_content_request.model: unexpected model name format")
	case !whole.Get("contents.0").Exists():
		return c.p.reject(http.StatusBadRequest, "* CountTokensRequest.generate_content_request.contents: contents is not specified")
	}
	const total = InputTokens + CacheReadTokens + CacheWriteTokens
	return c.p.jsonReply(object{"totalTokens", total, "cachedContentTokenCount", CacheReadTokens,
		"promptTokensDetails", []any{object{"modality", "TEXT", "tokenCount", total}}})
}

// geminiBatch embeds several contents. Each must name the path's model again.
func (c *call) geminiBatch(model string) reply {
	if a, bad := c.missing("requests.0"); bad {
		return a
	}
	list := []any{}
	for i, r := range c.body.Get("requests").Array() {
		if r.Get("model").Str != "models/"+model {
			return c.p.reject(http.StatusBadRequest,
				fmt.Sprintf("* BatchEmbedContentsRequest.requests[%d].model: it must be models/%s, as in the path", i, model))
		}
		list = append(list, geminiEmbedding(r, i))
	}
	return c.p.jsonReply(object{"embeddings", list})
}

// geminiEmbedding is the vector of the i-th content of a request.
func geminiEmbedding(request gjson.Result, i int) object {
	return object{"values", vector(int(member(request, "outputDimensionality").Int()), i)}
}

// member gets what is at a path whose names Google takes in two forms:
// responseSchema and response_schema.
func member(v gjson.Result, path string) gjson.Result {
	for name := range strings.SplitSeq(path, ".") {
		at := v.Get(name)
		if !at.Exists() {
			at = v.Get(snake(name))
		}
		v = at
	}
	return v
}

func snake(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
