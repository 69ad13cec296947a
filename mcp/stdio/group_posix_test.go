//go:build unix && !linux

package stdio_test

import "syscall"

// gone says whether a process has ended.
func gone(pid int) bool { return syscall.Kill(pid, 0) != nil }
