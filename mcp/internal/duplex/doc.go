// Package duplex makes an [mcp.Conn] of one pair of message streams that carries
// everything: a process's standard streams, or the older HTTP transport with its one
// stream of events. On such a wire nothing but the messages themselves tells which call
// they belong to:
//
//   - a response belongs to the call with its id;
//   - notifications/progress belongs to the call whose params._meta.progressToken it
//     names, and to no call when none under way does: a task reports after its call;
//   - what bears params._meta["io.modelcontextprotocol/subscriptionId"] belongs to the
//     subscriptions/listen request with that id;
//   - the server's own notifications/cancelled goes where the request went that it
//     takes back. One for a subscriptions/listen ends that call's stream, with io.EOF;
//   - notifications of changed lists and resources tell of the server, and belong to no
//     call;
//   - everything else, log messages and the server's requests above all, names no call.
//     If exactly one is under way, other than subscriptions, it belongs to that one;
//     otherwise to none. Who lets several clients share a wire has to know this: what a
//     server sends late, after the end of one call, can reach the next.
//
// What belongs to no call is for the stream of [Conn.Listen]; the last of it is kept
// while nobody listens.
//
// A slow reader of a stream holds up neither the wire nor other streams. Each stream has
// a bounded queue: when it is full the oldest progress and log messages go first, then
// other notifications, then requests of the server's, which are answered with an error.
// A response always fits. [Stats] counts what was lost.
package duplex
