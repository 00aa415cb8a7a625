package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/secret"
)

// Config is every flag. What NATS needs is an environment variable as well, and
// so is the customer's token, which every user of the machine can read among
// the arguments of a running program.
type Config struct {
	File string `arg:"" optional:"" name:"FILE" help:"Jobs: .json (one, or an array), .ndjson or .jsonl (one a line), .csv (field names as header), or - for standard input."`

	DryRun  bool             `help:"Check the jobs and publish none; NATS is not needed."`
	Format  string           `help:"Format of FILE or of standard input: json, ndjson or csv. Default: by FILE's name; ndjson for standard input." placeholder:"FORMAT"`
	Timeout string           `help:"How long --wait waits, from the last publish on." default:"5m"`
	Wait    bool             `help:"Wait for the results of published and already queued jobs, and print each as a JSON line."`
	Version kong.VersionFlag `help:"Print version and revision."`

	JobFlags    `group:"One job from flags (docs/contract.md, \"Job\"):"`
	config.NATS `group:"NATS:"`
}

// JobFlags are the fields of one job, as texts: the rules of the contract judge
// them, not the parser of flags.
type JobFlags struct {
	RefundID                string   `name:"refund-id" help:"Idempotency key of the refund: 1 to 64 of A-Z a-z 0-9 _ / : # -, never used before." placeholder:"ID"`
	Channel                 string   `help:"credit_card, direct_debit_mandiri, direct_debit_bri, direct_debit_cimb, direct_debit_allo, emoney_ovo, emoney_dana or emoney_shopeepay." placeholder:"CHANNEL"`
	InvoiceNumber           string   `help:"Invoice number of the payment." placeholder:"TEXT"`
	OriginalRequestID       string   `name:"original-request-id" help:"Request-Id of the payment; credit_card requires it." placeholder:"TEXT"`
	Amount                  string   `help:"Whole rupiah, such as 90000 or 90000.00." placeholder:"RUPIAH"`
	Currency                string   `help:"IDR, which is also the default." placeholder:"IDR"`
	Reason                  string   `help:"At most 255 characters; DOKU is told those that it takes: letters and digits of ASCII, space and .-/+,=_:'@%." placeholder:"TEXT"`
	CustomerAccessToken     string   `env:"CUSTOMER_ACCESS_TOKEN" help:"Customer's token, required by direct debit. Other users of the machine can read it here: prefer the variable or the file." placeholder:"TOKEN"`
	CustomerAccessTokenFile string   `env:"CUSTOMER_ACCESS_TOKEN_FILE" help:"File that holds the customer's token." placeholder:"FILE"`
	CustomerDeviceID        string   `name:"customer-device-id" help:"At most 64 characters; required by emoney_dana and emoney_shopeepay." placeholder:"TEXT"`
	CustomerIPAddress       string   `name:"customer-ip-address" help:"IPv4 address; required by direct_debit_allo, emoney_dana and emoney_shopeepay." placeholder:"ADDRESS"`
	NotBefore               string   `help:"Not sent before; RFC 3339 with a zone." placeholder:"TIME"`
	Deadline                string   `help:"Given up after; RFC 3339 with a zone." placeholder:"TIME"`
	Metadata                []string `sep:"none" help:"Pair that the result repeats; may be given up to 16 times." placeholder:"KEY=VALUE"`
}

// tokenVariable is also the name under which problems with the token are
// reported.
const tokenVariable = "CUSTOMER_ACCESS_TOKEN"

// plan is the configuration once it is checked.
type plan struct {
	Config
	format  string // of the file or of standard input; empty: the job is in the flags
	timeout time.Duration
	token   secret.Text
}

// parse returns the plan. ok is false when the program has to end with status,
// all that is to say being said.
func parse(args []string, stdout, stderr io.Writer) (p plan, status int, ok bool) {
	program := config.Program{Name: name, Description: description, Version: version + " " + revision}
	help := kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoAppDescFormat: true})
	if status, ok = program.Parse(&p.Config, args, stdout, stderr, help); !ok {
		return p, status, false
	}
	if problems := p.check(); len(problems) > 0 {
		config.Report(stderr, name, problems)
		return p, exitUsage, false
	}
	return p, exitOK, true
}

func (p *plan) check() config.Problems {
	var problems config.Problems
	p.Check(&problems)
	p.timeout = problems.Duration("--timeout", p.Timeout, time.Millisecond)
	if p.Format != "" {
		problems.OneOf("--format", p.Format, formatJSON, formatNDJSON, formatCSV)
	}
	if p.Wait && p.DryRun {
		problems.Add("--wait", "has nothing to wait for with --dry-run")
	}
	switch p.File {
	case "":
		p.checkJob(&problems)
	case "-":
		p.format = formatNDJSON
	default:
		p.checkFile(&problems)
	}
	if p.File != "" && p.Format != "" {
		p.format = p.Format
	}
	if p.File != "" && p.given() {
		problems.Add("FILE", "and the flags of one job exclude each other")
	}
	return problems
}

func (p *plan) checkJob(problems *config.Problems) {
	if !p.given() {
		problems.Add("FILE", "give a file, - for standard input, or one job by flags such as --refund-id (see --help)")
		return
	}
	if p.Format != "" {
		problems.Add("--format", "is for FILE and standard input")
	}
	p.token = problems.Secret(tokenVariable, p.CustomerAccessToken, p.CustomerAccessTokenFile)
	for _, pair := range p.Metadata {
		if !strings.Contains(pair, "=") {
			problems.Add("--metadata", "is not of the form KEY=VALUE")
		}
	}
}

// formats of files by the end of their names.
var formats = map[string]string{
	".json": formatJSON, ".ndjson": formatNDJSON, ".jsonl": formatNDJSON, ".csv": formatCSV,
}

func (p *plan) checkFile(problems *config.Problems) {
	info, err := os.Stat(p.File)
	switch {
	case err != nil:
		problems.Add("FILE", "%s", err)
		return
	case info.IsDir():
		problems.Add("FILE", "%s is a directory", p.File)
		return
	}
	p.format = formats[strings.ToLower(filepath.Ext(p.File))]
	if p.format == "" && p.Format == "" {
		problems.Add("FILE", "%s ends in none of .json, .ndjson, .jsonl, .csv: give --format", p.File)
	}
}

// given reports whether any flag of a job was given. The two that are variables
// as well may stand in the environment for other runs: only one that differs
// from there came from a flag.
func (j JobFlags) given() bool {
	for _, text := range []string{
		j.RefundID, j.Channel, j.InvoiceNumber, j.OriginalRequestID, j.Amount, j.Currency, j.Reason,
		j.CustomerDeviceID, j.CustomerIPAddress, j.NotBefore, j.Deadline,
	} {
		if text != "" {
			return true
		}
	}
	return len(j.Metadata) > 0 || j.CustomerAccessToken != os.Getenv(tokenVariable) ||
		j.CustomerAccessTokenFile != os.Getenv(tokenVariable+"_FILE")
}

// draft returns the job that the flags describe.
func (p plan) draft() *draft {
	d := &draft{}
	for _, field := range [][2]string{
		{"refund_id", p.RefundID}, {"channel", p.Channel}, {"invoice_number", p.InvoiceNumber},
		{"original_request_id", p.OriginalRequestID}, {"amount", p.Amount}, {"currency", p.Currency},
		{"reason", p.Reason}, {"customer.access_token", p.token.Reveal()}, {"customer.device_id", p.CustomerDeviceID},
		{"customer.ip_address", p.CustomerIPAddress}, {"not_before", p.NotBefore}, {"deadline", p.Deadline},
	} {
		d.set(field[0], field[1])
	}
	for _, pair := range p.Metadata {
		key, value, _ := strings.Cut(pair, "=")
		d.pair(key, value)
	}
	return d
}
