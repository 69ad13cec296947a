// Package configstore holds the gateway's configuration as data.
//
// An object is a plain struct: [Provider], [Credential], [LLMRoute], [MCPService],
// [VirtualKey] and so on. The table [Kinds] has one row for each, and with the struct's
// tags it says all there is to say about a kind: its names, its paths, which
// fields are secret, which refer to other objects, which the server manages.
// The Admin API, bundles, sealing, reference checks, the command line and the
// JSON Schema are made from it.
//
// A [Store] keeps the objects as [Record]s: bytes whose secrets [Kind.Encode] has
// sealed. [NewMemory] is the store of a gateway that is given none; package
// sqlite below keeps a file.
package configstore
