package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// TestLockedDatabase: somebody else keeps the file for himself.
func TestLockedDatabase(t *testing.T) {
	t.Parallel()
	s := setup{dir: t.TempDir(), env: []string{"AGW_MASTER_KEY=" + masterKeyText}}
	p := s.start(t)
	require.Zero(t, p.terminate())
	db, err := sqlitex.OpenWriter(t.Context(), p.database(), sqlitex.Durable)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE t (a); COMMIT")
	require.NoError(t, err)
	p = s.launch(t)
	require.Equal(t, 1, p.wait())
	require.Contains(t, p.stderr.String(), "is locked by another program")
	require.NoError(t, db.Close())
	require.Zero(t, s.start(t).terminate(), "it opens when the other one is gone")
}

// TestBusyDatabase: somebody else is writing, and takes his time. Requests are
// served, changes are refused for now, and no event is lost.
func TestBusyDatabase(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	p := setup{dir: t.TempDir()}.start(t)
	p.apply(bundleFor(up.URL))
	db, err := sqlitex.OpenWriter(t.Context(), p.database(), sqlitex.Durable)
	require.NoError(t, err)
	tx, err := db.BeginTx(t.Context(), nil) // immediate: nobody else can write
	require.NoError(t, err)
	require.Equal(t, 200, p.chat(everyKey, "hello").status)

	r := p.askAdmin("POST", "virtual_keys", `{"id":"late"}`)
	require.Equal(t, 503, r.status, r.body)
	require.Contains(t, r.body, "nothing was changed")
	require.Equal(t, 404, p.askAdmin("GET", "virtual_keys/late", "").status)
	require.Equal(t, 200, p.chat(everyKey, "hello").status)

	require.NoError(t, tx.Rollback())
	require.NoError(t, db.Close())
	require.Equal(t, 201, p.askAdmin("POST", "virtual_keys", `{"id":"late"}`).status)
	eventually(t, "both events", func() bool { return p.stored() == 2 })
	require.Zero(t, p.terminate())
}

// TestCrashAtStart kills agwd at each moment of its first start. The next one
// works.
func TestCrashAtStart(t *testing.T) {
	t.Parallel()
	for after := range 12 {
		s := setup{dir: t.TempDir()}
		p := s.launch(t)
		time.Sleep(time.Duration(after) * 5 * time.Millisecond) // somewhere in the middle
		p.kill()
		p = s.start(t)
		require.Equal(t, 200, p.askAdmin("GET", "ready", "").status)
		require.Zero(t, p.terminate())
	}
}
