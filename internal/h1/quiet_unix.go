//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package h1

import "syscall"

// available: an idle connection can be looked at without waiting.
const available = true

// quiet says whether an idle connection is still open, and nothing has come that
// nobody asked for.
func (c *conn) quiet() bool {
	if c.raw == nil {
		sc, ok := c.Conn.(syscall.Conn)
		if !ok {
			return false
		}
		raw, err := sc.SyscallConn()
		if err != nil {
			return false
		}
		open := false
		look := func(fd uintptr) bool {
			var one [1]byte
			_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			open = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
			return true
		}
		c.raw = func() bool { return raw.Read(look) == nil && open }
	}
	return c.raw()
}
