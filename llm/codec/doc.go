// Package codec translates between LLM protocols through one neutral form.
//
// Each protocol has one [Codec], in a package of its own below this one, which reads
// and writes requests, answers, streams and errors of that protocol. Nothing
// converts one protocol to another directly: a caller's request is decoded by the
// caller's codec, passes the stages that the upstream needs (see [Adapt]), and is
// encoded by the upstream's codec; the answer goes back the same way. N protocols
// need N codecs.
//
// The neutral form keeps what it has no name for (Extra, and parts of kind Opaque),
// so that a codec which reads what it wrote itself loses nothing. What the other
// protocol has no place for is never lost silently: an encoder reports it to a
// [Losses], or refuses it with an [llm.Error] that names the field.
//
// Field names in the neutral form, and in what is reported, are those of OpenAI's
// chat API where that has the field ("seed", "logit_bias", "stop"); [Codec.FieldName]
// turns them into the caller's own words.
package codec
