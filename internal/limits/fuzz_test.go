package limits

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/stretchr/testify/require"
)

// FuzzKeeper plays a sequence of calls, settlements, clock steps, faults, crashes
// and restarts, and compares with plain sums.
func FuzzKeeper(f *testing.F) {
	f.Add([]byte("\x00\x10\x00\x20\x01\x00\x02\x00\x03\x20\x00\x30\x01\x01"))
	f.Add([]byte("\x00\xff\x01\x80\x06\x00\x00\x40\x01\x04\x05\x00\x00\x99\x02\x00\x03\xff\x03\xff\x00\x44"))
	f.Add([]byte("\x07\x00\x00\x01\x07\x01\x00\x60\x01\xff\x07\x02\x00\x50\x04\x00\x00\x10\x06\x01\x00\x99\x03\xf0"))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) <= 400 {
			play(t, script)
		}
	})
}

// The same for scripts that are random and do not change.
func TestKeeperAtRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		script := make([]byte, 2*random.IntN(150))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		t.Run("", func(t *testing.T) { play(t, script) })
	}
}

func play(t *testing.T, script []byte) {
	const budget, rpm, tpm, concurrency = 3000, 20, 2000, 5
	policy := Policy{rpm, tpm, concurrency, Budget{budget, 0, Hour}}
	wide := Policy{Budget: Budget{0, 10 * budget, Total}}
	subjects := []Subject{{"key:a", policy}, {"route:r", wide}}
	c, store := newClock(), configstore.NewMemory()

	type call struct {
		r    *Reservation
		est  int64
		hour int64 // in which it is booked
	}
	var (
		flying         []call
		spent          = map[int64]int64{} // by hour
		excess         = map[int64]int64{}
		total, over    int64
		minute, tokens int64 // admitted since the clock moved, or the keeper is new
		faults         = &faulty{StateStore: store}
		k              = keeper(t, faults, c)
		restarted      bool
	)
	settle := func(x call, n int64) {
		x.r.Settle(costs(n))
		x.r.Cancel()
		spent[x.hour] += n
		total += n
		excess[x.hour] += max(n-x.est, 0)
		over += max(n-x.est, 0)
	}
	for ; len(script) >= 2; script = script[2:] {
		n := int64(script[1])
		switch script[0] % 8 {
		case 0:
			faulty := faults.fault.Load() != healthy
			r, refusal := k.Reserve(t.Context(), subjects, costs(4*n))
			if refusal != nil {
				require.GreaterOrEqual(t, refusal.Remaining, int64(0))
				require.GreaterOrEqual(t, refusal.RetryAfter, time.Duration(0))
				require.True(t, faulty || refusal.Reason != StoreUnavailable, refusal.Err)
				break
			}
			flying = append(flying, call{r, 4 * n, r.parts[0].ledger.start})
			minute, tokens = minute+1, tokens+4*n
			require.LessOrEqual(t, len(flying), concurrency)
			require.LessOrEqual(t, minute, int64(rpm))
		case 1, 2:
			if len(flying) == 0 {
				break
			}
			i := int(n) % len(flying)
			if x := flying[i]; script[0]%8 == 1 {
				settle(x, x.est+n%7*10-30+max(0, 30-x.est))
			} else {
				x.r.Cancel()
				x.r.Settle(costs(n))
			}
			flying = append(flying[:i], flying[i+1:]...)
		case 3:
			c.Add(time.Duration(n-60) * 20 * time.Second)
			minute, tokens = 0, 0
		case 4:
			quiesce(k) // who joins a visit that fails is refused
			faults.fault.Store([]int32{healthy, failing, lossy}[n%3])
		case 5:
			sweep(k)
		case 6: // crash, or orderly restart
			if n%2 == 0 {
				for _, x := range flying {
					settle(x, x.est)
				}
				flying = nil
				quiesce(k)
				closed := faults.fault.Load() == healthy
				closeKeeper(t, k)
				if closed && !restarted {
					require.Equal(t, total, stored(t, store, "route:r", Total.at(epoch))[1])
				}
			}
			crash(k, faults)
			flying, restarted = nil, true
			faults = &faulty{StateStore: store}
			k = keeper(t, faults, c)
			minute, tokens = 0, 0
		case 7:
			quiesce(k)
			faults.fault.Store(healthy)
			for _, s := range subjects {
				list, err := k.Usage(t.Context(), s.ID, s.Policy)
				require.NoError(t, err)
				for _, u := range list {
					require.GreaterOrEqual(t, u.Used, int64(0))
					require.GreaterOrEqual(t, u.Remaining, int64(0))
					if u.Limit == BudgetTokens && !restarted {
						require.GreaterOrEqual(t, u.Used, total)
					}
				}
			}
		}
		for at, n := range spent {
			require.LessOrEqual(t, n, budget+excess[at])
		}
		require.LessOrEqual(t, total, 10*budget+over)
	}
	for _, x := range flying {
		x.r.Cancel()
	}
	quiesce(k)
	faults.fault.Store(healthy)
	closeKeeper(t, k)
	require.GreaterOrEqual(t, stored(t, store, "route:r", Total.at(epoch))[1], total-over*int64(btoi(restarted)))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
