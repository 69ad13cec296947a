package limits

import (
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
)

func benchmark(b *testing.B, parallel bool) {
	k := New(configstore.NewMemory(), Options{})
	defer closeKeeper(b, k)
	p := Policy{1e15, 1e15, 1e6, Budget{1e15, 1e15, Day}}
	run := func(id string) {
		r, refusal := k.Reserve(b.Context(), []Subject{{id, p}, {"route:r", p}}, Estimate{1000, 5000, true})
		if refusal != nil {
			b.Fatal(refusal)
		}
		r.Settle(Estimate{900, 4500, true})
	}
	run("key:a")
	b.ReportAllocs()
	if !parallel {
		for b.Loop() {
			run("key:a")
		}
		return
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			run("key:a")
		}
	})
}

func BenchmarkCall(b *testing.B)          { benchmark(b, false) }
func BenchmarkCallContended(b *testing.B) { benchmark(b, true) }

func BenchmarkRefusal(b *testing.B) {
	c := newClock()
	k := New(nil, Options{Now: c.Now, Sweep: time.Hour})
	defer closeKeeper(b, k)
	p := []Subject{{"key:a", Policy{RPM: 1}}}
	_, _ = k.Reserve(b.Context(), p, Estimate{})
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := k.Reserve(b.Context(), p, Estimate{}); refusal == nil {
			b.Fatal("admitted")
		}
	}
}
