package main

import (
	"fmt"
	"strings"

	"refundworker.example/refundworker/internal/proof/dokusim"
)

// faultsCommand prints what goes wrong on demand, and how to ask for it.
type faultsCommand struct{}

// Help implements kong's interface for the text of --help.
func (faultsCommand) Help() string { return faultsText() }

// examples are rules that are wanted often.
var examples = []string{
	`{"match":{"invoice":"INV-1"},"faults":[{"kind":"error_after"}]}`,
	`{"match":{"channel":"emoney_ovo"},"faults":[{"kind":"refuse","code":"14","status":403,"count":-1}],"for":"30s"}`,
	`{"match":{"operation":"inquiry","invoice":"INV-1"},"faults":[{"kind":"edit","set":{"/card_payment/transaction_status":"FAILED"}}]}`,
}

func faultsText() string {
	var b strings.Builder
	b.WriteString("Faults are rules that a running simulator is given, on its page (http://127.0.0.1:9465/) or over HTTP:\n\n")
	for _, example := range examples {
		fmt.Fprintf(&b, "  curl -d '%s' \\\n    http://127.0.0.1:9465/_sim/faults\n\n", example)
	}
	b.WriteString("Kinds:\n\n")
	for _, kind := range dokusim.Kinds() {
		fmt.Fprintf(&b, "  %-18s %s\n", kind, kind.About())
	}
	b.WriteString("\nThe control plane (GET /_sim/ has it as JSON):\n\n")
	for _, e := range dokusim.Endpoints() {
		fmt.Fprintf(&b, "  %-6s %-24s %s\n", e.Method, e.Path, e.What)
		if e.Example != "" {
			fmt.Fprintf(&b, "  %-6s %-24s %s\n", "", "", e.Example)
		}
	}
	return b.String()
}
