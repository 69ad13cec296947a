// Package h1 is an HTTP/1.1 client for plain TCP that needs no goroutines of its
// own: who calls RoundTrip writes the request and reads the answer.
//
// [http.Transport] moves each call through two goroutines of its connection, and
// through channels between them. That is what HTTP/2, and requests that stream
// while the answer does, need; for a request that is in memory it costs more than
// all else that a proxy does. Here such a request is written with one system call,
// and the answer is parsed by net/http where the caller reads it (RFC 9112).
//
// It takes requests of plain http whose body is short and in memory, and leaves
// all others to http.Transport: see [Transport.Takes].
package h1
