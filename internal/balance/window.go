package balance

import "time"

// window counts two kinds of things over the recent past, in slots, so that its
// size does not depend on how many there are.
type window struct {
	width int64 // of a slot
	last  int64 // number of the newest slot
	slots [][2]uint32
}

func newWindow(span time.Duration, slots int) window {
	return window{width: max(1, int64(span)/int64(slots)), slots: make([][2]uint32, slots)}
}

// slot returns the one for now. Time that went backwards is taken for standing
// still: callers read the clock before they get the lock.
func (w *window) slot(now int64) *[2]uint32 {
	n := max(now/w.width, w.last)
	size := int64(len(w.slots))
	if n-w.last >= size {
		clear(w.slots)
	} else {
		for i := w.last + 1; i <= n; i++ {
			w.slots[i%size] = [2]uint32{}
		}
	}
	w.last = n
	return &w.slots[n%size]
}

func (w *window) add(now int64, kind int) { w.slot(now)[kind]++ }

// sum adds up the newest n slots.
func (w *window) sum(now int64, n int) (sums [2]int) {
	w.slot(now)
	size := int64(len(w.slots))
	for i := w.last; i > w.last-int64(n) && i >= 0; i-- {
		s := w.slots[i%size]
		sums[0] += int(s[0])
		sums[1] += int(s[1])
	}
	return sums
}

func (w *window) reset() { clear(w.slots) }
