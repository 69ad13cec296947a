package codec

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Part is one piece of a message or an answer. Kind says which fields count.
type Part struct {
	Kind Kind
	// Text is for Text, Refusal and Thinking.
	Text   string
	Media  *Media      // Image, File, Audio
	Call   *ToolCall   // ToolCallPart
	Result *ToolResult // ToolResultPart
	// Thought is for Thinking, besides Text.
	Thought *Thought

	// Signature is Gemini's thoughtSignature of any part, and what a provider wants
	// back with it; see [Thought] for thinking itself.
	Signature *Signature

	Cache       *Cache
	Annotations []Annotation

	// Raw is the whole part for Opaque, in the form of Origin.
	Raw    json.RawMessage
	Origin llm.Operation

	// Extra are members without a place here, in the form of Request.From.
	Extra []Field
}

// Kind is what a Part is.
type Kind uint8

// The kinds of parts.
const (
	Text Kind = iota
	Image
	File // a document
	Audio
	ToolCallPart
	ToolResultPart
	Thinking
	Refusal
	// Opaque is what only its own protocol understands: a call of a tool that the
	// provider runs and its result, a reference to a stored item. It must never
	// become a tool call, nor text.
	Opaque
)

// Media is an image, a document or a sound: inline, at a URL, or stored with the
// provider. One of Data, URL and FileID is set.
type Media struct {
	MIME string // "image/png"; "" when it is not known
	// Data is base64, as it came.
	Data   string
	URL    string
	FileID string
	// Plain is the text of a document that is text; Data is then empty.
	Plain   string
	Name    string // of the file
	Title   string
	Context string
	// Detail is OpenAI's: low, high, auto.
	Detail string
}

// ToolCall is the model's wish to have a tool run.
type ToolCall struct {
	// ID is unique in the conversation; decoders make one where a protocol has none.
	ID string
	// ItemID is the id of the item in Responses.
	ItemID          string
	Name, Namespace string
	// Arguments are JSON text, an object; "" is none. For a custom call they are the
	// input itself.
	Arguments string
	Custom    bool
}

// ToolResult answers a ToolCall.
type ToolResult struct {
	CallID string
	// Name is the tool's; "" where the protocol does not say it and no call tells.
	Name    string
	ItemID  string
	Content []Part // Text, Image, File
	// Object is the result where it was an object (Gemini); Content is then empty.
	Object  json.RawMessage
	IsError bool
	Custom  bool
}

// Thought is what is known of thinking besides its text.
type Thought struct {
	// ID is the item's, in Responses.
	ID string
	// Summary are the parts of Responses' summary; Part.Text is then their text
	// joined, and Content says that the text was the reasoning itself.
	Summary []string
	Content bool
	// Redacted: there is no text to show, only Signature.
	Redacted bool
	// Signature proves the thought to the provider that made it. nil when it has none.
	Signature *Signature
}

// Signature is an opaque proof that a provider wants back: Anthropic's signature or
// redacted data, OpenAI's encrypted_content, Gemini's thoughtSignature.
type Signature struct {
	// Of is the operation of the provider whose it is.
	Of    llm.Operation
	Value string
}

// Annotation is a source that a text cites.
type Annotation struct {
	URL, Title string
	// Start and End are offsets in the part's text, in runes; both 0 when not known.
	Start, End int64
	CitedText  string
	// Raw is the annotation in the form of Origin.
	Raw    json.RawMessage
	Origin llm.Operation
}
