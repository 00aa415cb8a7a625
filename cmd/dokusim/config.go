package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/proof/dokusim"
)

// Config is every setting, each a flag and, with DOKUSIM_ before it, an
// environment variable.
type Config struct {
	Addr          string        `help:"Address to listen on. Port 0 takes a free one." default:"127.0.0.1:9465"`
	AutoPayments  int64         `help:"Rupiah of a payment registered when a refund first names its invoice; 0 refuses unknown invoices." default:"1000000000000"`
	Book          string        `help:"File that keeps the book across restarts, one JSON line a change. Default: memory only." placeholder:"FILE"`
	ClientID      string        `help:"The merchant's client id." default:"MCH-SIMULATOR"`
	Delay         time.Duration `help:"How long each request takes; the commit is in the middle." default:"0s"`
	Expose        bool          `help:"Allow an address that other machines reach. Anybody there can steer the simulator."`
	FaultKinds    []string      `help:"What goes wrong with --fault-rate, of ${fault_kinds}. Default: ${default_faults}" default:"${default_fault_list}" placeholder:"KIND"`
	FaultRate     float64       `help:"Share of refunds and inquiries, 0 to 1, that something goes wrong with." default:"0"`
	Keys          string        `help:"Directory of the secret key and the RSA key; what is missing there is generated. Default: ${default_keys}" placeholder:"DIR"`
	LogLevel      string        `help:"debug (a line a request), info, warn or error." default:"info"`
	Quirks        []string      `help:"Readings of what DOKU's documents leave open: ${quirks}." placeholder:"QUIRK"`
	SecretKey     string        `help:"The shared secret key. Better: --secret-key-file, or none at all: it is generated." placeholder:"KEY"`
	SecretKeyFile string        `help:"File that holds the secret key." placeholder:"FILE"`
	Seed          uint64        `help:"Seed of --fault-rate: the same requests meet the same faults." default:"1"`
}

// defaultFaults need no further setting and end by themselves.
var defaultFaults = []dokusim.Kind{
	dokusim.BadSignature, dokusim.DelayAfter, dokusim.ErrorAfter, dokusim.ErrorBefore, dokusim.HTMLAfter, dokusim.InProgress,
	dokusim.ResetAfter, dokusim.ResetBefore, dokusim.TooMany, dokusim.Truncated,
}

// rateKinds are the faults that need to be told nothing more. The others are
// given one by one, to /_sim/faults.
func rateKinds() []dokusim.Kind {
	return slices.DeleteFunc(dokusim.Kinds(), func(kind dokusim.Kind) bool {
		return slices.Contains([]dokusim.Kind{dokusim.Edit, dokusim.Refuse, dokusim.RefuseAfter}, kind)
	})
}

// check joins every problem, one line each.
func (c *Config) check() error {
	var problems []error
	complain := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	host, _, err := net.SplitHostPort(c.Addr)
	complain(err != nil, "--addr: %.60q is not host:port", c.Addr)
	complain(err == nil && !c.Expose && !loopback(host), "--addr: %.60q is not a loopback address (--expose allows it)", c.Addr)
	complain(c.AutoPayments < 0, "--auto-payments: is negative")
	complain(c.ClientID == "", "--client-id: is empty")
	complain(c.Delay < 0, "--delay: is negative")
	complain(!(c.FaultRate >= 0 && c.FaultRate <= 1), "--fault-rate: is not between 0 and 1")
	complain(c.Keys == "", "--keys: must be given, as this user has no configuration directory")
	complain(c.SecretKey != "" && c.SecretKeyFile != "", "--secret-key: cannot be given together with --secret-key-file")
	complain(levels[c.LogLevel] == nil, "--log-level: %.40q is none of debug, info, warn, error", c.LogLevel)
	for _, name := range c.FaultKinds {
		complain(!slices.Contains(rateKinds(), dokusim.Kind(name)), "--fault-kinds: no fault for a rate is called %.40q", name)
	}
	for _, name := range c.Quirks {
		_, known := dokusim.Quirks()[dokusim.Quirk(name)]
		complain(!known, "--quirks: no quirk is called %.40q", name)
	}
	return errors.Join(problems...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// rules are what --fault-rate asks for.
func (c *Config) rules() []dokusim.Rule {
	if c.FaultRate == 0 {
		return nil
	}
	var faults []dokusim.Fault
	for _, name := range c.FaultKinds {
		faults = append(faults, dokusim.Fault{Kind: dokusim.Kind(name), Delay: 2 * time.Second, Looks: 1})
	}
	var rules []dokusim.Rule
	for _, op := range []dokusim.Operation{dokusim.OpRefund, dokusim.OpInquiry} {
		rules = append(rules, dokusim.Rule{Match: dokusim.Match{Operation: op}, Faults: faults, Probability: c.FaultRate})
	}
	return rules
}

// defaultKeys is where the keys are when nobody says; empty for a user without
// a configuration directory, in a container for one.
func defaultKeys() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "dokusim")
}

func kindNames(kinds []dokusim.Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

func quirkNames() string {
	var lines []string
	for quirk, text := range dokusim.Quirks() {
		lines = append(lines, string(quirk)+" ("+text+")")
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}
