package runtime

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// large makes a snapshot with so many keys and routes.
func large(t testing.TB, keys, routes int) (*Runtime, *http.Request) {
	t.Helper()
	objects := []configstore.Object{provider("p")}
	for i := range routes {
		r := route(fmt.Sprintf("r%d", i), fmt.Sprintf("/team-%d", i), "p")
		r.AuthPolicy.RequireVirtualKey = true
		objects = append(objects, r)
	}
	for i := range keys {
		objects = append(objects, key(fmt.Sprintf("k%d", i), fmt.Sprintf("vk-0123456789-%d", i), "*"))
	}
	rt := open(t, memory(t), &factory{})
	require.NoError(t, rt.Apply(context.Background(), false, write(objects...)))
	req := httptest.NewRequest("POST", fmt.Sprintf("/team-%d/v1/chat/completions", routes-1), nil)
	req.Header.Set("Authorization", fmt.Sprintf("Bearer vk-0123456789-%d", keys-1))
	return rt, req
}

func admit(t testing.TB, rt *Runtime, req *http.Request) {
	snap := rt.Snapshot()
	m, _, ok := snap.Match(req, nil)
	if !ok {
		t.Fatal("no route")
	}
	if _, err := snap.Authenticate(req.Header, nil, m.Route, rt.KeyHash, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// What a request costs does not depend on how much is configured.
func TestCostIsFlat(t *testing.T) {
	small, one := large(t, 10, 10)
	big, other := large(t, 10_000, 1_000)
	allocs := func(rt *Runtime, req *http.Request) float64 {
		return testing.AllocsPerRun(200, func() { admit(t, rt, req) })
	}
	require.InDelta(t, allocs(small, one), allocs(big, other), 1) // the race detector makes pools forget
}

func BenchmarkMatchAndAuthenticate(b *testing.B) {
	for _, size := range [][2]int{{10, 10}, {100_000, 1_000}} {
		b.Run(fmt.Sprintf("keys=%d/routes=%d", size[0], size[1]), func(b *testing.B) {
			rt, req := large(b, size[0], size[1])
			b.ReportAllocs()
			for b.Loop() {
				admit(b, rt, req)
			}
		})
	}
}
