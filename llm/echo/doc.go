// Package echo is a provider that needs no network and no account: it answers
// with what it was told. It serves demonstrations and tests, in the wire
// formats of OpenAI's and Anthropic's APIs, streamed and whole.
//
// # The reply
//
// The reply is the text of the last user message. Several parts of a message
// are joined by newlines; an image stands as "[image]", a file as "[file]",
// sound as "[audio]". A system prompt is ignored. A stream brings one word a
// delta.
//
//   - A conversation that ends in tool results is answered with their texts,
//     one a line.
//   - A text that holds a tool's name as a word of its own is answered with a
//     call of that tool; several names make parallel calls. Arguments are the
//     JSON object right after the name (`get_weather {"city":"Paris"}`), else
//     the least that the tool's schema requires. A tool_choice that forces a
//     tool without the text naming one calls the first tool that it allows.
//   - Structured output is the least JSON that the schema requires: a string is
//     its property's name, a number 1, a boolean true, an array or object empty
//     unless its own properties are required, an enum its first value.
//   - Stop sequences and the limit on output tokens cut a text.
//
// # Tokens
//
// A token is a word, as [strings.Fields] has it. The prompt counts the texts of
// all messages and of the system prompt; a tool call counts its name and its
// arguments. Limits on output tokens are limits on words.
//
// # Markers
//
// Markers in the text being answered steer the provider, and are not echoed.
// Malformed ones are left where they are.
//
//	[[echo:delay=20ms]]   wait between two deltas, or once before a whole answer; at most 1s
//	[[echo:chunks=200]]   answer with 200 small words; at most 10000
//	[[echo:status=429]]   answer with this error status, 400 to 599
//
// # Embeddings, moderations, models
//
// An embedding is a unit vector drawn from a hash of the input: the same input
// gives the same vector, and nothing else is meant by it. Moderations flag
// nothing. Every model name is accepted; the one that is listed is "echo".
package echo
