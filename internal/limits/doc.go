// Package limits holds callers to requests and tokens per minute, to a number of
// calls at once, and to budgets in dollars or tokens per period.
//
// A call names its subjects (its key, its route, …), each with a [Policy], and
// what it will take at most as far as one can tell. [Keeper.Reserve] takes that
// from every limit of every subject, or from none and says why. When the call is
// over, [Reservation.Settle] corrects the estimate to what it really took:
//
//	keeper := limits.New(store, limits.Options{})
//	defer keeper.Close(ctx)
//
//	call, refusal := keeper.Reserve(ctx, []limits.Subject{{ID: "key:a", Policy: policy}}, estimate)
//	if refusal != nil {
//		return refusal // answer 429, with refusal.RetryAfter
//	}
//	defer call.Cancel() // does nothing after Settle
//	…
//	call.Settle(actual)
//
// # Rates and concurrency
//
// They belong to one process and live in memory: two gateways allow twice as
// much, and a restart begins anew. RPM and TPM are buckets that hold one minute's
// allowance and drain evenly: a burst may take the whole minute's at once, and any
// window of length t admits at most limit × (1 + t/minute). Tokens are taken by the
// estimate. What a call used beyond it becomes a debt that delays later calls;
// what it did not use is given back, as far as it has not drained meanwhile. A
// request counts against RPM even when it is cancelled, a refused one never.
//
// # Budgets
//
// Periods follow the calendar in UTC; weeks begin on Monday; a total never
// resets. A call is booked in the period in which it was reserved. An estimated
// cost is held until the call settles, and a call is admitted only when what is
// booked, what is held and its own estimate fit the budget together. So:
//
//   - Estimates that are not exceeded are never overspent, however many calls
//     come at once.
//   - Otherwise the overspend is at most the sum of (actual − estimate) over the
//     calls that were in flight when the last one was admitted and that exceeded
//     their estimate. Nothing is admitted afterwards, until the period ends.
//   - A known price of 0 is free and passes even an exhausted budget. An unknown
//     price is refused when a dollar budget applies ([PriceUnknown]): nobody could
//     say what the call spent. A call that was priced when it was reserved and is
//     not when it settles is booked at its estimate.
//   - An estimate of 0 tokens says that the call cannot use any, so a call that
//     may gives at least 1.
//
// Money is counted in whole nano-dollars: a token at $0.05 per million is 50 of
// them, so rounding does not matter, and int64 has room for nine billion dollars.
// Amounts over 2^60 (a billion dollars) are taken for 2^60, and sums stop at 2^61
// rather than wrap.
//
// # What is persisted
//
// Each subject with a budget has one record in the store: what was used in its
// last few periods. A keeper spends only what it has leased, and a lease is added
// to the record, by compare and swap, before any of it is spent. A lease is at
// most one slice (1/64 of the budget, up to 1/16 of it while leases last less
// than a second), or what waiting calls need; it is renewed ahead in the
// background, so calls rarely wait, and shrinks as the budget nears its end.
// Spending within a lease writes nothing. What a subject did not need for a
// while, or when Close is called, is given back.
//
//   - After a crash the record over-counts by at most one slice, and by the
//     estimates of the calls that were in flight, or waited for a lease, at any one
//     time since the sweep before last: they were leased too, what a call does not
//     use of its estimate serves the next, and is given back when nobody needs it.
//   - It under-counts by what calls used beyond their estimates and beyond the
//     lease while the write of that very excess was under way; by nothing when
//     estimates hold.
//   - Several keepers on one store share the budget, since leases add up. A
//     call may then be refused while another keeper has up to a slice left; and
//     the overspend is that of one keeper, over the calls of all of them, counting
//     a call as in flight until its excess is written.
//   - A write of which nobody knows whether it happened is looked for in the
//     record. Where another keeper has written since, it counts as spent.
//
// A call that needs a lease waits for the store, no longer than its context and
// [Options].StoreTimeout, and is then refused ([StoreUnavailable]). No other call
// waits for it: no lock is held while the store works.
//
// # Clocks
//
// Rates use the monotonic clock. Budgets use the calendar: a clock that
// steps back finds the earlier period as it left it, and one that steps back
// further than the record reaches (four periods) goes on with the budget of the
// oldest one there is, until it comes to a period that is new: no budget is won,
// and none is lost for ever. A step forward opens later periods and closes none. Records expire a month after their period, on the
// store's clock; those of totals never do.
package limits
