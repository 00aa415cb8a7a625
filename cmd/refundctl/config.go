package main

import (
	"cmp"
	"os"
	"os/user"
	"strings"
	"time"
	_ "time/tzdata" // an image from scratch has no zones

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/config"
)

const description = `Finds, explains and settles refunds. It never sends one to DOKU.

Every flag can be set by the environment variable behind it. The DOKU settings are those of the worker: inquire and doctor need them all; every other command takes client id and environment from the ledger.

Exit status: 0 done, or nothing wrong found; 1 refused, failed, or something wrong found; 2 bad usage or settings.`

// Config is every flag and command.
type Config struct {
	Output   string           `default:"table" help:"table or json." placeholder:"FORMAT"`
	Operator string           `env:"REFUNDCTL_OPERATOR" help:"Who acts, as it is kept in the ledger for ever; by default the user of this machine." placeholder:"NAME"`
	Zone     string           `env:"REFUNDCTL_ZONE" help:"Time zone of what is shown and typed: WIB, WITA, WIT, UTC or a name such as Asia/Jakarta; by default the machine's. JSON is in UTC." placeholder:"ZONE"`
	Version  kong.VersionFlag `help:"Print version and revision."`

	location *time.Location // of Zone

	config.NATS `group:"NATS:"`
	config.MerchantFlags

	Status     statusCommand     `cmd:"" group:"Look:" help:"All about one refund: state, what comes next, and every step so far."`
	List       listCommand       `cmd:"" group:"Look:" help:"Refunds by state, channel, age, code or part of the id, in pages; without a state the newest first."`
	Unresolved unresolvedCommand `cmd:"" group:"Look:" help:"Refunds that a person must settle."`
	Stats      statsCommand      `cmd:"" group:"Look:" help:"Queues, waits, pauses, results and open breakers of every channel."`
	Watch      watchCommand      `cmd:"" group:"Look:" help:"Every step as it comes, of one refund or of all."`

	Cancel  cancelCommand  `cmd:"" group:"Act on a refund:" help:"Give up a refund that was never sent."`
	Retry   retryCommand   `cmd:"" group:"Act on a refund:" help:"Bring a waiting refund forward to now."`
	Inquire inquireCommand `cmd:"" group:"Act on a refund:" help:"Ask DOKU now; a proof settles an unknown or unresolved refund."`
	Resolve resolveCommand `cmd:"" group:"Act on a refund:" help:"Settle an unresolved refund by your word."`

	Dead   deadCommand   `cmd:"" group:"Act on queues:" help:"Messages that are no job: list, show, replay, discard."`
	Pause  pauseCommand  `cmd:"" group:"Act on queues:" help:"Stop a channel for the whole fleet."`
	Resume resumeCommand `cmd:"" group:"Act on queues:" help:"Take a pause back."`
	Sweep  sweepCommand  `cmd:"" group:"Act on queues:" help:"Give refunds that have neither job nor wait a wake-up."`

	Setup      setupCommand      `cmd:"" group:"Look after the whole:" help:"Create streams and consumers that are missing; never alters what is there. Log in as the user setup."`
	Consumer   consumerCommand   `cmd:"" group:"Look after the whole:" help:"Durable consumers of results and notices: add, list, remove. Log in as the user setup."`
	Doctor     doctorCommand     `cmd:"" group:"Look after the whole:" help:"Look at everything that refunds rest on: server, streams, clocks, credentials, permissions."`
	Reconcile  reconcileCommand  `cmd:"" group:"Look after the whole:" help:"Compare results with a settlement report."`
	Export     exportCommand     `cmd:"" group:"Look after the whole:" help:"The history of all refunds as NDJSON, by time; goes on where it was cut off."`
	Completion completionCommand `cmd:"" group:"Look after the whole:" help:"Print a script that completes commands and flags in your shell."`
}

// check adds what is wrong with the settings that every command has.
func (c *Config) check(p *config.Problems) {
	c.NATS.Check(p)
	p.OneOf("--output", c.Output, "table", "json")
	var err error
	if c.location, err = zone(c.Zone); err != nil {
		p.Add("--zone", "%.60q is none of WIB, WITA, WIT, UTC, and no name such as Asia/Jakarta", c.Zone)
	}
	if c.DOKUEnv != "" {
		c.Environment(p)
	}
	if flaw := config.TextFlaw(c.DOKUClientID); flaw != "" {
		p.Add("DOKU_CLIENT_ID", "%s", flaw)
	}
	if c.Operator == "" {
		c.Operator = currentUser()
	}
}

// zones are Indonesia's three, by the names that people say.
var zones = map[string]string{"WIB": "Asia/Jakarta", "WITA": "Asia/Makassar", "WIT": "Asia/Jayapura"}

func zone(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil //nolint:gosmopolitan // what the person's clock shows
	}
	return time.LoadLocation(cmp.Or(zones[strings.ToUpper(name)], name))
}

// currentUser is who is logged in; empty where the machine cannot tell.
func currentUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return os.Getenv("USER")
}
