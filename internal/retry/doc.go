// Package retry answers one question: when. When to try again after the n-th
// try, when after a Retry-After, and when a whole channel should stop trying.
//
// The n-th delay is min(Max, Initial·2ⁿ⁻¹), jittered by ±50 %, so that refunds
// which failed together do not come back together. A Retry-After is a promise
// about the earliest moment, so it is only ever jittered upward. There is no
// limit by attempts: a refund's deadline is the limit, and it is not kept here.
//
// The [Breaker] is our own, though gobreaker is a dependency that could count:
// it keeps one open time forever, where ours follows Retry-After and grows with
// every opening in a row; it cannot be opened at once by a second 401; it reads
// the system's clock, where a simulation needs its own; a probe that came to
// nothing (the refund turned out to be settled) takes a call of gobreaker's for
// itself; and it cannot tell one subject that always fails from a channel that
// does, nor a cheap probe from a dear one.
//
// Invariant: no delay is ever negative and, before its jitter, none is longer
// than Max, whatever DOKU or the settings say.
package retry
