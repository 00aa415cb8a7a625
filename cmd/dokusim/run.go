package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/proof/dokusim"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1 // it could not start, or ended by itself
	exitUsage = 2
)

var levels = map[string]*slog.Level{
	"debug": new(slog.LevelDebug), "info": new(slog.LevelInfo), "warn": new(slog.LevelWarn), "error": new(slog.LevelError),
}

// run is the program: settings to stdout, logs and problems to stderr. It ends
// when ctx does.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var c Config
	if status, done := parse(&c, args, stdout, stderr); done {
		return status
	}
	log := logger(c, stderr)
	if err := serve(ctx, c, log, stdout); err != nil {
		log.Error("simulator ended", "error", err)
		return exitError
	}
	return exitOK
}

// parse fills c; done means that the program ends here, with that status.
func parse(c *Config, args []string, stdout, stderr io.Writer) (status int, done bool) {
	var cli struct {
		Config
		Serve   struct{}         `cmd:"" default:"1" help:"Serve; the default."`
		Faults  faultsCommand    `cmd:"" help:"List the faults and the control plane; see its --help."`
		Version kong.VersionFlag `help:"Print the version and exit." env:"-"`
	}
	ended := false
	app, err := kong.New(&cli,
		kong.Name("dokusim"),
		kong.Description("A DOKU without money: refunds, tokens and status inquiries as its documents tell them, with faults on demand, and a book of what moved on a page at /."),
		kong.DefaultEnvars("DOKUSIM"),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { ended = true }),
		kong.Vars{
			"version": version, "default_keys": defaultKeys(), "default_faults": kindNames(defaultFaults),
			"default_fault_list": strings.ReplaceAll(kindNames(defaultFaults), " ", ""),
			"fault_kinds":        kindNames(rateKinds()), "quirks": quirkNames(),
		},
	)
	if err != nil {
		return complain(stderr, err), true
	}
	parsed, err := app.Parse(args)
	switch {
	case ended: // --help or --version
		return exitOK, true
	case err != nil:
		return complain(stderr, err), true
	case parsed.Command() == "faults":
		_, _ = io.WriteString(stdout, faultsText())
		return exitOK, true
	}
	*c = cli.Config
	if c.Keys == "" {
		c.Keys = defaultKeys()
	}
	if err := c.check(); err != nil {
		return complain(stderr, err), true
	}
	return exitOK, false
}

func complain(stderr io.Writer, err error) int {
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintf(stderr, "dokusim: %s\n", strings.TrimSuffix(line, "\n"))
	}
	return exitUsage
}

// logger writes text to a terminal and JSON lines to anything else.
func logger(c Config, stderr io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: levels[c.LogLevel]}
	if config.IsTerminal(stderr) {
		return slog.New(slog.NewTextHandler(stderr, options))
	}
	return slog.New(slog.NewJSONHandler(stderr, options))
}

func serve(ctx context.Context, c Config, log *slog.Logger, stdout io.Writer) error {
	k, err := loadKeys(c)
	if err != nil {
		return err
	}
	sim, err := simulator(c, k, log)
	if err != nil {
		return err
	}
	var listening net.ListenConfig
	l, err := listening.Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), sim.Close())
	}
	url := baseURL(l.Addr())
	if _, err := io.WriteString(stdout, settings(c, k, url)); err != nil {
		return errors.Join(fmt.Errorf("print settings: %w", err), l.Close(), sim.Close())
	}
	log.Info("simulator listening", "addr", l.Addr().String(), "page", url+"/")
	if err := sim.Serve(ctx, l); err != nil {
		return err
	}
	log.Info("simulator stopped")
	return nil
}

func simulator(c Config, k keys, log *slog.Logger) (*dokusim.Server, error) {
	cfg := dokusim.Config{
		AutoPayments: c.AutoPayments, BookFile: c.Book, ClientID: c.ClientID, Delay: c.Delay, Log: log,
		MerchantKey: k.merchant, SecretKey: k.secret, Seed: c.Seed,
	}
	if c.AutoPayments == 0 {
		cfg.AutoPayments = -1 // the package's zero is its default
	}
	for _, quirk := range c.Quirks {
		cfg.Quirks = append(cfg.Quirks, dokusim.Quirk(quirk))
	}
	sim, err := dokusim.New(cfg)
	if err != nil {
		return nil, err
	}
	for _, rule := range c.rules() {
		if err := sim.AddRule(rule); err != nil {
			return nil, errors.Join(err, sim.Close())
		}
	}
	return sim, nil
}

// baseURL is how this machine reaches the listener: a worker takes a simulator
// on a loopback address only.
func baseURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// settings are the lines that a shell evaluates before it starts a worker. A
// secret that was given as text is not printed.
func settings(c Config, k keys, url string) string {
	var b strings.Builder
	for _, s := range [][2]string{
		{"DOKU_ENV", "simulator"}, {"DOKU_BASE_URL", url}, {"DOKU_CLIENT_ID", c.ClientID},
		{"DOKU_SECRET_KEY_FILE", k.secretFile}, {"DOKU_PRIVATE_KEY_FILE", k.privateFile},
	} {
		if s[1] != "" {
			b.WriteString("export " + s[0] + "=" + shellWord(s[1]) + "\n")
		}
	}
	return b.String()
}

// shellWord quotes text where a shell would read more than one plain word.
func shellWord(text string) string {
	plain := strings.IndexFunc(text, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:", r)
	}) < 0
	if plain {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
