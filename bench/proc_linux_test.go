package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProcess(t *testing.T) {
	pid := os.Getpid()
	before, err := cpuTime(pid)
	require.NoError(t, err)
	var after time.Duration
	for deadline := time.Now().Add(time.Minute); after <= before && time.Now().Before(deadline); {
		after, err = cpuTime(pid) // reading is work
		require.NoError(t, err)
	}
	require.Greater(t, after, before)

	peak, err := memory(pid, "VmHWM")
	require.NoError(t, err)
	require.Greater(t, peak, int64(1<<20))
	require.NoError(t, resetPeak(pid))
	_, err = memory(pid, "VmNothing")
	require.ErrorContains(t, err, "no VmNothing")
}
