// Package jsonrpc reads the envelope of a JSON-RPC 2.0 message and leaves the rest of
// it as bytes: what a relay needs to know of a message, and may change in it, without
// decoding what it carries. [Parse] is strict about the names of the envelope, because
// two readers of one text could take different values from it. [Splice] changes a value
// in its place; [Lines] frames messages as a process's standard streams do.
package jsonrpc
