// Package metrics says what happened: one [Event] for each hop through the
// gateway, without any content of prompts, answers or tool results.
//
// The gateway hands events to [Sink]s, which never block. A [Pipeline] is the
// sink for writers that may block, such as a database: a bounded queue, and one
// goroutine that writes in batches. A [Reader] answers the Admin API's questions.
package metrics
