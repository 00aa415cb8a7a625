//go:build unix

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/proof/dokusim"
)

// DOKU is the simulator as a process, steered and read over HTTP alone.
type DOKU struct {
	*Process

	// Settings are those that it printed for a worker.
	Settings map[string]string
}

func startDOKU(ctx context.Context, programs Programs, dir string, flags []string) (*DOKU, error) {
	args := append([]string{"--addr", "127.0.0.1:0", "--keys", filepath.Join(dir, "keys")}, flags...)
	p, err := programs.start("dokusim", dir, args, nil)
	if err != nil {
		return nil, err
	}
	d := &DOKU{Process: p, Settings: map[string]string{}}
	// The settings are printed at once, this one last, by one who listens already.
	if err := p.out.waitFor(ctx, "DOKU_PRIVATE_KEY_FILE=", p.ended); err != nil {
		return d, fmt.Errorf("start the simulator: %w: %s", err, p.Stderr())
	}
	for line := range strings.Lines(p.Stdout()) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		d.Settings[name] = strings.Trim(value, "'")
	}
	return d, nil
}

// Book is what happened to the money.
func (d *DOKU) Book(ctx context.Context) (dokusim.Snapshot, error) {
	var book dokusim.Snapshot
	return book, d.call(ctx, http.MethodGet, "book", "", &book)
}

// Refunds are the last refund requests that arrived, oldest first.
func (d *DOKU) Refunds(ctx context.Context, last int) ([]dokusim.Request, error) {
	var requests []dokusim.Request
	return requests, d.call(ctx, http.MethodGet, "requests?operation=refund&last="+strconv.Itoa(last), "", &requests)
}

// Held are the requests that are held at the moment.
func (d *DOKU) Held(ctx context.Context) ([]dokusim.Held, error) {
	var held []dokusim.Held
	return held, d.call(ctx, http.MethodGet, "held", "", &held)
}

// Fault adds a rule, as JSON.
func (d *DOKU) Fault(ctx context.Context, rule string) error {
	return d.call(ctx, http.MethodPost, "faults", rule, nil)
}

// Outage begins an outage of one channel.
func (d *DOKU) Outage(ctx context.Context, channel string, long time.Duration) error {
	return d.call(ctx, http.MethodPost, "outage", fmt.Sprintf(`{"match":{"channel":%q},"for":%q}`, channel, long), nil)
}

// EndFaults forgets all rules.
func (d *DOKU) EndFaults(ctx context.Context) error {
	return d.call(ctx, http.MethodDelete, "faults", "", nil)
}

// Release lets everything that is held go on.
func (d *DOKU) Release(ctx context.Context) error {
	return d.call(ctx, http.MethodPost, "release", "", nil)
}

func (d *DOKU) call(ctx context.Context, method, what, body string, into any) error {
	status, text, err := Fetch(ctx, method, d.Settings["DOKU_BASE_URL"]+"/_sim/"+what, body)
	if err != nil {
		return fmt.Errorf("ask the simulator: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("%w: %s %s: %d %s", ErrStatus, method, what, status, text)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(into); err != nil {
		return fmt.Errorf("read the simulator's %s: %w", what, err)
	}
	return nil
}

// Fetch makes one HTTP request on a connection of its own.
func Fetch(ctx context.Context, method, url, body string) (status int, text []byte, err error) {
	q, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	got, err := transport.RoundTrip(q)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = got.Body.Close() }()
	text, err = io.ReadAll(got.Body)
	return got.StatusCode, text, err
}
