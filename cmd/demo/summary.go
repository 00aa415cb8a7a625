package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"refundworker.example/refundworker/internal/refund"
)

// rupiah is how the amount is written in Indonesia: Rp 1.234.567.
func rupiah(amount int64) string {
	text, sign := strconv.FormatInt(amount, 10), ""
	if amount < 0 {
		text, sign = text[1:], "-"
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "." + text[i:]
	}
	return sign + "Rp " + text
}

// proofFrom is the width from which the summary says how each outcome was learned.
const proofFrom = 80

// summary writes the audit for a person, in lines of at most width characters,
// but for a terminal too narrow for the figures. calls counts the refund calls
// that the simulator saw for each account.
func summary(w io.Writer, a audit, calls []int, width int, p paint) {
	write := func(id, status, proof, calls, says, moved string) string {
		if width >= proofFrom {
			status += " " + pad(proof, 22)
		}
		return fmt.Sprintf("%s %s %5s %11s %11s", pad(id, 12), status, calls, says, moved)
	}
	_, _ = fmt.Fprintln(w, p.title("\nThe results, and the simulator's book"))
	_, _ = fmt.Fprintln(w, p.title(write("id", pad("status", 10), "by", "calls", "result says", "book moved")))
	for i, acc := range a.accounts {
		verdict := " ok"
		if len(acc.problems) > 0 {
			verdict = p.with(red, " NO")
		}
		_, _ = fmt.Fprintln(w, write(acc.id, pad(acc.last().Status.String(), 10), acc.proof, strconv.Itoa(calls[i]),
			amountOrNone(acc.says), amountOrNone(acc.moved))+verdict)
	}
	sums(w, a)
	verdict(w, a, p)
}

func amountOrNone(amount int64) string {
	if amount == 0 {
		return "-"
	}
	return rupiah(amount)
}

func sums(w io.Writer, a audit) {
	text := fmt.Sprintf("\n%d refunds:", len(a.accounts))
	for _, s := range []refund.State{refund.Succeeded, refund.Failed, refund.Rejected, refund.Unresolved} {
		text += fmt.Sprintf(" %d %s,", a.counts[s], s)
	}
	_, _ = fmt.Fprintln(w, strings.TrimSuffix(text, ","))
	_, _ = fmt.Fprintf(w, "Succeeded by the results: %s. Moved by the book: %s", rupiah(a.succeeded), rupiah(a.moved))
	if a.unresolved > 0 {
		_, _ = fmt.Fprintf(w, ", %s of it under unresolved refunds", rupiah(a.unresolved))
	}
	_, _ = fmt.Fprintln(w, ".")
}

func verdict(w io.Writer, a audit, p paint) {
	if a.agrees() {
		_, _ = fmt.Fprintln(w, p.with(green, "They agree, to the rupiah: no refund was paid twice, none is missing."))
		return
	}
	_, _ = fmt.Fprintln(w, p.with(red, "THEY DO NOT AGREE:"))
	for _, acc := range a.accounts {
		for _, problem := range acc.problems {
			_, _ = fmt.Fprintf(w, "  %s: %s (result %s, book %s)\n", acc.id, problem, rupiah(acc.says), rupiah(acc.moved))
		}
	}
	for _, problem := range a.problems {
		_, _ = fmt.Fprintf(w, "  %s\n", problem)
	}
}
