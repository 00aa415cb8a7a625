package service_test

import (
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// The words that roads are told in; each changes one thing.

func (r road) kindIs(kind string) road { r.kind = kind; return r }

func (r road) paidFrom(p dokusim.Payment) road { r.payment = p; return r }

func (r road) met(f ...dokusim.Fault) road { r.refunds = f; return r }

func (r road) asked(f ...dokusim.Fault) road { r.inquiries = f; return r }

func (r road) until(d time.Duration) road { r.deadline = d; return r }

func (r road) ends(s refund.State, evidence refund.Evidence) road {
	r.status, r.evidence = s, evidence
	return r
}

func (r road) fails(source, code string) road { r.source, r.code = source, code; return r }

func (r road) waits(d time.Duration) road { r.putOff = d; return r }

func (r road) movesNothing() road { r.moved = 0; return r }

func (r road) unresolved(path, code string, n int64) road {
	r.kind = ""
	return r.ends(refund.Unresolved, "").by(path, n).fails(jobs.SourceWorker, code)
}

func (r road) burns() road { r.burnsRefused = true; return r }

func (r road) withToken(token string) road { r.token = token; return r }

func (r road) from(d time.Duration) road { r.notBefore = d; return r }

func (r road) by(path string, attempts int64) road {
	r.path, r.attempts, r.calls = path, attempts, int(attempts)
	return r
}
