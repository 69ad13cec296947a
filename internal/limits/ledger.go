package limits

// account is one unit of one period, as this keeper sees it.
type account struct {
	budget int64 // the limit; 0: none
	stored int64 // used according to the store: every keeper's leases
	leased int64 // this keeper's part of stored
	held   int64 // reserved by calls in flight
	spent  int64 // booked by calls that have settled
	want   int64 // what waiting calls need
	low    int64 // the least that was free since the last review
	// surplus is what should be given back.
	surplus int64
}

// free is what is leased and neither held nor spent. It is negative when calls
// used more than they had reserved, until a write has added that to the lease.
func (a *account) free() int64 { return a.leased - a.spent - a.held }

// used is what counts against the budget: other keepers' leases, and what is
// held or spent here.
func (a *account) used() int64 { return max(a.stored-a.free(), 0) }

func (a *account) left() int64 { return max(a.budget-a.used(), 0) }

// slice is the most that is leased and not needed.
func (a *account) slice(fraction, boost int64) int64 {
	return max(a.budget/fraction*boost, 1)
}

// ahead is what a new lease should leave free: half a slice, less towards the
// end of the budget, so that keepers who share it do not starve one another.
func (a *account) ahead(fraction, boost int64) int64 {
	return min(max(a.slice(fraction, boost)/2, 1), max(a.budget-a.stored, 0)/4)
}

// scarce says that it is time to lease more, before a call has to wait.
func (a *account) scarce(fraction, boost int64) bool {
	return a.budget > 0 && a.free() < a.ahead(fraction, boost)/2
}

// change is by how much the lease should grow (or, negative, shrink).
func (a *account) change(fraction, boost int64) int64 {
	free := a.free()
	overdraft := max(-free, 0) // is booked even over the budget
	left := max(a.budget-a.stored-overdraft, 0)
	if a.surplus > 0 && a.want == 0 {
		return -min(a.surplus, max(free, 0))
	}
	more := min(add(a.want, a.ahead(fraction, boost))-max(free, 0), left)
	return overdraft + max(more, 0)
}

// review marks what no call needed since the last review, if it is more than a
// slice. Giving it back at once would cost two writes for each call whose
// estimate is larger than what it takes.
func (a *account) review(fraction, boost int64) {
	a.surplus = 0
	if a.low > a.slice(fraction, boost) {
		a.surplus = a.low - a.ahead(fraction, boost)
	}
	a.low = a.free()
}

// ledger is one period of one subject.
type ledger struct {
	span
	refs     int // calls in flight that will be booked here
	accounts [units]account
	boost    int64 // makes slices larger under load
	leasedAt int64 // when more was leased last, in monotonic ns
}

const maxBoost = 4

// quicken makes slices larger when leases are used up fast, and smaller again.
func (l *ledger) quicken(now int64) {
	const fast, slow = 1e9, 10e9
	switch passed := now - l.leasedAt; {
	case l.leasedAt == 0:
	case passed < fast:
		l.boost = min(l.boost*2, maxBoost)
	case passed > slow:
		l.boost = max(l.boost/2, 1)
	}
	l.leasedAt = max(now, 1)
}

// settled says that the store knows all that there is to know of l.
func (l *ledger) settled() bool {
	if l.refs > 0 {
		return false
	}
	for u := range l.accounts {
		if l.accounts[u].free() != 0 {
			return false
		}
	}
	return true
}

func (l *ledger) overdrawn() bool {
	return l.accounts[usd].free() < 0 || l.accounts[tokens].free() < 0
}

func (l *ledger) scarce(fraction int64) bool {
	return l.accounts[usd].scarce(fraction, l.boost) || l.accounts[tokens].scarce(fraction, l.boost)
}

func (l *ledger) hold(want amounts) {
	l.refs++
	for u := range want {
		a := &l.accounts[u]
		a.held += want[u]
		a.low = min(a.low, a.free())
	}
}

func (l *ledger) settle(held, actual amounts) {
	l.refs--
	for u := range held {
		a := &l.accounts[u]
		a.held -= held[u]
		a.spent = add(a.spent, actual[u])
		a.low = min(a.low, a.free())
	}
}
