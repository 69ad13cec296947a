package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// TestCrash kills agwd under load. What it has acknowledged is there afterwards.
func TestCrash(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	s := setup{dir: t.TempDir()}
	p := s.start(t)
	p.apply(bundleFor(up.URL))

	const callers = 8
	var answered atomic.Int64
	var created []string
	load, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for load.Err() == nil {
				r, err := try("POST", p.data+"/v1/chat/completions", question("hello"), "Authorization: Bearer "+everyKey)
				if err == nil && r.status == 200 {
					answered.Add(1)
				}
			}
		})
	}
	all.Go(func() {
		for n := 0; load.Err() == nil; n++ {
			id := fmt.Sprintf("key-%d", n)
			r, err := try("POST", p.admin+"/admin/virtual_keys", fmt.Sprintf(`{"id":%q,"allowed_route_ids":["chat"]}`, id))
			if err == nil && r.status == 201 {
				created = append(created, id)
			}
		}
	})
	eventually(t, "a thousand answers", func() bool { return answered.Load() > 1000 })
	before := 0 // events that were stored while the calls went on
	eventually(t, "stored events", func() bool { before = p.stored(); return before > 500 })
	p.kill()
	stop()
	all.Wait()

	p = s.start(t)
	require.Equal(t, 200, p.askAdmin("GET", "ready", "").status)
	require.Equal(t, 200, p.chat(everyKey, "hello").status)
	require.NotEmpty(t, created)
	for _, id := range created {
		r := p.askAdmin("GET", "virtual_keys/"+id, "")
		require.Equal(t, 200, r.status, "%s was acknowledged, and is gone", id)
		require.NotEmpty(t, r.get("key").Str)
	}
	stored := p.stored()
	t.Logf("%d answers, %d stored events, %d keys", answered.Load(), stored, len(created))
	require.GreaterOrEqual(t, stored, before, "events that were stored are gone")
	require.Zero(t, p.terminate())
}

// TestTwoDaemons lets two share a store: what one is told the other serves.
func TestTwoDaemons(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	s := setup{dir: t.TempDir(), env: []string{"AGW_MASTER_KEY=" + masterKeyText}}
	a, b := s.start(t), s.start(t)
	a.apply(bundleFor(up.URL))
	require.Equal(t, 200, a.chat(everyKey, "hello").status)
	eventually(t, "the second daemon to serve the bundle", func() bool { return b.chat(everyKey, "hello").status == 200 })

	require.Equal(t, 200, b.askAdmin("POST", "virtual_keys/every/disable", "").status)
	require.Equal(t, 403, b.chat(everyKey, "hello").status)
	eventually(t, "the first daemon to refuse the key", func() bool { return a.chat(everyKey, "hello").status == 403 })

	// Writers that do not know of each other lose nothing.
	var all sync.WaitGroup
	for i, p := range []*process{a, b} {
		all.Go(func() {
			for n := range 10 {
				r, err := try("POST", p.admin+"/admin/virtual_keys", fmt.Sprintf(`{"id":"key-%d-%d"}`, i, n))
				if err != nil || r.status != 201 {
					t.Errorf("%d-%d: %v %s", i, n, err, r.body)
				}
			}
		})
	}
	all.Wait()
	for _, p := range []*process{a, b} {
		eventually(t, "all keys", func() bool { return p.askAdmin("GET", "virtual_keys", "").get("items.#").Int() == 21 })
	}
	require.Zero(t, a.terminate())
	require.Equal(t, 403, b.chat(everyKey, "hello").status)
	require.Zero(t, b.terminate())
}

// TestStop: a stream under way ends as if nothing had happened, nobody new is
// let in, and the events are stored.
func TestStop(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	s := setup{dir: t.TempDir()}
	p := s.start(t)
	p.apply(bundleFor(up.URL))
	const before = 40
	for range before {
		require.Equal(t, 200, p.chat(everyKey, "hello").status)
	}
	step := make(chan struct{})
	up.Enqueue(llmtest.Fault{Step: step})
	req, err := http.NewRequest("POST", p.data+"/v1/chat/completions", strings.NewReader(strings.Replace(question("hello"), "{", `{"stream":true,`, 1)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+everyKey)
	go func() { step <- struct{}{} }()
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	in := bufio.NewReader(resp.Body)
	_, err = in.ReadString('\n')
	require.NoError(t, err)

	ended := make(chan int, 1)
	go func() { ended <- p.terminate() }()
	eventually(t, "the end of new connections", func() bool {
		_, err := try("GET", p.data+"/v1/models", "", "Authorization: Bearer "+everyKey)
		return err != nil
	})
	select {
	case <-p.exited:
		t.Fatal("agwd did not wait for the stream")
	default:
	}
	close(step)
	rest, err := io.ReadAll(in)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(rest), "data: [DONE]\n\n"), string(rest))
	require.Zero(t, <-ended)

	p = s.start(t)
	events := p.askAdmin("GET", "metrics/llm/events?limit=1000&api_operation=openai.chat", "")
	require.EqualValues(t, before+1, events.get(`items.#(status_code==200)#|#`).Int(), events.body)
	require.EqualValues(t, 1, events.get(`items.#(stream==true)#|#`).Int())
	require.True(t, events.get(`items.#(stream==true).usage_finalized`).Bool())
}

// TestIdleStop: without anything under way the end is immediate.
func TestIdleStop(t *testing.T) {
	t.Parallel()
	p := setup{}.start(t)
	began := time.Now()
	require.Zero(t, p.terminate())
	require.Less(t, time.Since(began), 10*time.Second)
	require.NoFileExists(t, p.database()+"-wal", "the log is folded into the database")
}
