package stdio

import (
	"syscall"
	"unsafe"
)

// attributes make the process the leader of a group. When the gateway dies without
// ending it, it gets SIGTERM, as not every server exits when its input ends, and those
// that wrap another pass SIGTERM on.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// awaitExit returns when the process has exited, and leaves it to be reaped. It says
// whether it could.
func awaitExit(pid int) bool {
	const pPid = 1      // P_PID
	var info [16]uint64 // siginfo_t, of 128 bytes
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPid, uintptr(pid), uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if errno != syscall.EINTR {
			return errno == 0
		}
	}
}
