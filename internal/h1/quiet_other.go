//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package h1

// available: whether an idle connection is still open cannot be seen here without
// a goroutine that waits on it, which is http.Transport's way.
const available = false

func (c *conn) quiet() bool { return false }
