//go:build unix && !linux

package stdio

import "syscall"

// attributes make the process the leader of a group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitExit cannot wait: there is no way common to these systems to learn of an exit
// without reaping.
func awaitExit(int) bool { return false }
