// Package balance decides which of several targets a call goes to, and knows
// which of them are well.
//
// A [Registry] keeps one [Health] for each target. Configuration is compiled
// anew on every change; the health of a target is not, so that a change does not
// send everyone back to an upstream that is down. A [Group] is the compiled side:
// the candidates of one logical model and a [Strategy]. It gives each call an
// [Order], which begins the attempts:
//
//	order := group.Order(affinity)
//	for {
//		i, attempt, ok := order.Next()
//		if !ok {
//			break // nothing is left to try
//		}
//		resp, err := send(targets[i])
//		// attempt.FirstByte() when a good answer starts, then once:
//		attempt.End(balance.Success, 0)
//	}
//
// What a failure is, the caller says: this package knows no protocol, does no
// I/O and starts nothing. Its clock and its dice are given to it.
//
// A target is left out for two reasons, which do not mix. Its circuit breaker
// opens when it fails, and closes when a probe has shown that it works. It rests
// when it said how long it wants to be left alone, which is no failure. Neither
// refuses a call: when nothing is well, the least unlikely candidate is tried.
//
// [RetryBudget] and [Backoff] keep the calls that are made again from being what
// an upstream in trouble dies of.
package balance
