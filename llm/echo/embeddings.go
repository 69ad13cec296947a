package echo

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/agent-gateway/agent-gateway/llm"
)

const (
	defaultDimensions = 256
	maxDimensions     = 4096
)

type embeddingsRequest struct {
	Model          string  `json:"model"`
	Input          prompts `json:"input"`
	Dimensions     *int    `json:"dimensions"`
	EncodingFormat string  `json:"encoding_format"`
}

type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"` // floats, or their bytes in base64
}

func (p *Provider) embeddings(call *llm.Call, body []byte) (*answer, error) {
	var req embeddingsRequest
	if err := decode(body, &req); err != nil {
		return nil, err
	}
	if err := req.Input.check("input"); err != nil {
		return nil, err
	}
	dimensions := defaultDimensions
	if req.Dimensions != nil {
		dimensions = *req.Dimensions
	}
	if dimensions < 1 || dimensions > maxDimensions {
		return nil, invalid("dimensions", "it must be between 1 and %d", maxDimensions)
	}
	if err := fits("input", len(req.Input)*dimensions*4); err != nil {
		return nil, err
	}
	var form func([]float32) any
	switch req.EncodingFormat {
	case "", "float":
		form = func(v []float32) any { return v }
	case "base64":
		form = func(v []float32) any { return encodeVector(v) }
	default:
		return nil, invalid("encoding_format", "it must be \"float\" or \"base64\"")
	}

	data := make([]embedding, len(req.Input))
	for i, text := range req.Input {
		data[i] = embedding{Object: "embedding", Index: i, Embedding: form(vector(text, dimensions))}
	}
	type usage struct {
		Prompt int `json:"prompt_tokens"`
		Total  int `json:"total_tokens"`
	}
	n := req.Input.words()
	return &answer{document: struct {
		Object string      `json:"object"`
		Data   []embedding `json:"data"`
		Model  string      `json:"model"`
		Usage  usage       `json:"usage"`
	}{"list", data, model(call, req.Model), usage{n, n}}}, nil
}

// vector is a unit vector that depends on text alone.
func vector(text string, dimensions int) []float32 {
	random := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(text))))
	raw := make([]float64, dimensions)
	var square float64
	for i := range raw {
		raw[i] = random.NormFloat64()
		square += raw[i] * raw[i]
	}
	v := make([]float32, dimensions)
	for i := range v {
		v[i] = float32(raw[i] / math.Sqrt(square))
	}
	return v
}

func encodeVector(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}
