// Package runtime turns stored configuration into what serves requests.
//
// A [Set] holds the objects as they are stored, static ones laid over them. It is
// compiled as a whole into a [Snapshot]: an immutable index of routes, keys and
// targets that one atomic pointer leads to. A request loads the pointer once and
// touches no lock, no store and no map that changes. A change is committed only
// after the set that it leads to has compiled; one that another process commits
// and that does not compile here leaves the last good snapshot serving.
package runtime
