package codec

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Request is one request to a model, in no protocol. Pointers and strings are nil
// and empty where the caller said nothing. Numbers stay in the caller's digits.
type Request struct {
	// From is the operation of the codec that read it.
	From   llm.Operation
	Model  string
	Stream bool

	// System is what stands apart from the messages: Anthropic's system, Gemini's
	// systemInstruction, Responses' instructions. Messages of the roles System and
	// Developer stand among Messages, in their order.
	System   []Part
	Messages []Message

	Tools []Tool
	// Found are tools that are told of in the conversation only, as what a search for
	// tools has found: they may be called, too.
	Found      []Tool
	ToolChoice *ToolChoice
	// ParallelToolCalls is nil for the protocol's default, which is true.
	ParallelToolCalls *bool

	MaxTokens         *int64
	Temperature, TopP json.Number
	TopK              *int64
	Stop              []string
	N                 *int64 // answers to one request
	Seed              *int64
	PresencePenalty   json.Number
	FrequencyPenalty  json.Number
	LogitBias         json.RawMessage
	Logprobs          *bool
	TopLogprobs       *int64

	Format    *Format // nil: text
	Reasoning Reasoning
	Verbosity string

	// ServiceTier is in OpenAI's words: auto, default, flex, priority.
	ServiceTier string
	// User identifies the caller's end user.
	User     string
	Metadata json.RawMessage // an object

	PromptCacheKey       string
	PromptCacheRetention string

	// IncludeUsage: the caller asked for usage in a stream. Only OpenAI's chat has
	// the choice.
	IncludeUsage bool

	// State of OpenAI's Responses, which other protocols do not have.
	Store              *bool
	PreviousResponseID string
	Conversation       json.RawMessage
	Background         *bool
	Truncation         string
	// Include lists what the answer shall hold besides, in Responses' words.
	Include []string

	// Extra are the members at the top that have no place above, in their order.
	Extra []Field
}

// IncludesReasoning says whether the caller wants to send reasoning back later.
func (r *Request) IncludesReasoning() bool {
	for _, s := range r.Include {
		if s == "reasoning.encrypted_content" {
			return true
		}
	}
	return false
}

// Field is one JSON member that is kept as it is.
type Field struct {
	Name  string
	Value json.RawMessage
}

// Role is who speaks.
type Role string

// The roles.
const (
	RoleSystem    Role = "system"
	RoleDeveloper Role = "developer"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	// RoleTool is for messages that hold tool results and nothing else.
	RoleTool Role = "tool"
)

// Message is one turn of the conversation. Two of one role may follow each other.
type Message struct {
	Role  Role
	Name  string // of the participant, in OpenAI's chat
	ID    string // of the item, in Responses
	Parts []Part
	Extra []Field
}

// Tool is something that the model may call.
type Tool struct {
	Kind ToolKind
	Name string
	// Namespace groups tools in Responses; the model sees both.
	Namespace            string
	NamespaceDescription string
	Description          string
	// Schema is the JSON Schema of a function's arguments; empty for none.
	Schema json.RawMessage
	Strict *bool
	// Grammar is a custom tool's "format", as Responses writes it; empty for free
	// text.
	Grammar json.RawMessage
	Cache   *Cache
	// Defer: the model finds the tool by searching, rather than being told.
	Defer *bool
	// Raw is the whole tool for the kind Hosted.
	Raw   json.RawMessage
	Extra []Field
}

// ToolKind tells apart who runs a tool, and how it is called.
type ToolKind uint8

// The kinds of tools.
const (
	FunctionTool  ToolKind = iota // arguments are a JSON object
	CustomTool                    // the input is text, perhaps of a grammar
	WebSearchTool                 // run by the provider; Raw holds its form in Request.From
	HostedTool                    // any other that the provider runs, known by Raw alone
)

// ToolChoice says whether the model must call a tool.
type ToolChoice struct {
	Mode ToolMode
	// Name and Namespace are for ModeNamed.
	Name, Namespace string
	// Allowed narrows the tools that may be called, in modes auto and any; empty
	// for all. Validated asks Gemini to hold calls to the schemas.
	Allowed   []string
	Validated bool
	// Raw is a choice that has no form here (a hosted tool), in Request.From's form.
	Raw json.RawMessage
}

// ToolMode is how free the model is.
type ToolMode string

// The modes.
const (
	ModeAuto  ToolMode = "auto"
	ModeAny   ToolMode = "any" // "required" in OpenAI's protocols
	ModeNone  ToolMode = "none"
	ModeNamed ToolMode = "named"
)

// Format is what the answer's text must be.
type Format struct {
	Type        FormatType
	Name        string
	Description string
	Schema      json.RawMessage
	Strict      *bool
}

// FormatType is the kind of a Format.
type FormatType string

// The formats.
const (
	FormatText   FormatType = "text"
	FormatJSON   FormatType = "json_object"
	FormatSchema FormatType = "json_schema"
)

// Reasoning is how much the model shall think, in whichever words the caller said
// it: an encoder picks those that its model knows, and computes the rest.
type Reasoning struct {
	// Effort is none, minimal, low, medium, high, xhigh or max.
	Effort string
	// Type is Anthropic's thinking.type: enabled, disabled, adaptive or
	// between_tools.
	Type string
	// Budget is in tokens.
	Budget *int64
	// Show asks for the thoughts' text: Gemini's includeThoughts, Anthropic's
	// display, Responses' summary. nil is the protocol's default.
	Show *bool
	// Summary and Display are those words as they were said.
	Summary, Display string
}

// IsZero says that the caller said nothing of it.
func (r Reasoning) IsZero() bool { return r == Reasoning{} }

// Cache marks the end of what the provider shall cache.
type Cache struct {
	TTL string // "5m", "1h"; "" for the default
	// Extra are other members of Anthropic's cache_control.
	Extra []Field
}
