package refund

import "testing"

// mostAllocations is what one decision may cost: the situation and the next
// record are handed to the row's functions by pointer and so leave the stack.
// A model makes millions of decisions; a third would be a quarter of its time.
const mostAllocations = 0

func TestADecisionAllocatesNoMoreThanItsSituationAndItsRecord(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts for the whole process
	for _, c := range rowCases() {
		if n := testing.AllocsPerRun(20, func() { decide(c.core, c.event, c.now, usual) }); n > mostAllocations {
			t.Errorf("row %q: %v allocations", c.row, n)
		}
	}
}

func BenchmarkMachine(b *testing.B) {
	c, e := sent(1), answered(NoProof)
	b.ReportAllocs()
	for b.Loop() {
		decide(c, e, morning, usual)
	}
}
