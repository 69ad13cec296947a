package configstore_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/configstore/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) configstore.Store { return configstore.NewMemory() })
}

func TestMemoryIsEphemeral(t *testing.T) {
	require.True(t, configstore.NewMemory().Ephemeral())
}

func TestMemoryStateExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := configstore.NewMemory()
		defer m.Close()
		expires := time.Now().Add(time.Minute)
		_, err := m.Put(t.Context(), "b", "k", []byte("1"), 0, expires)
		require.NoError(t, err)
		time.Sleep(time.Minute - time.Nanosecond)
		v, err := m.Get(t.Context(), "b", "k")
		require.NoError(t, err)
		require.True(t, expires.Equal(v.Expires))
		time.Sleep(time.Nanosecond)
		_, err = m.Get(t.Context(), "b", "k")
		require.ErrorIs(t, err, configstore.ErrNotFound)
	})
}

func BenchmarkMemoryLoad(b *testing.B) {
	m := configstore.NewMemory()
	ops := make([]configstore.Op, 100_000)
	for i := range ops {
		ops[i] = configstore.Op{Kind: "virtual_key", ID: fmt.Sprintf("key-%06d", i), Data: make([]byte, 300)}
	}
	if _, err := m.Commit(b.Context(), 0, ops...); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.Load(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
