//go:build chaos && unix

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/observe"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// chaosVariable says what happens where, comma-separated: POINT#N:MODE harms
// the process when it reaches a point for the N-th time. The points are those
// of chaosPoints and of chaosMarks, the modes those of chaosModes.
// "fresh_external_id" makes a mistake instead: each send of a SNAP refund
// carries an X-EXTERNAL-ID of its own.
const chaosVariable = "REFUND_CHAOS"

// chaosPoints names the points after effects.
var chaosPoints = map[refund.Effect]string{
	refund.Append:      "after:append",
	refund.Prepare:     "after:prepare",
	refund.Send:        "after:send",
	refund.Inquire:     "after:ask",
	refund.Schedule:    "after:schedule",
	refund.Ack:         "after:ack",
	refund.DeadLetter:  "after:dead_letter",
	refund.LateSuccess: "after:late_success",
	refund.Reread:      "after:reconsider",
}

var errChaos = errors.New("an error was asked for here")

// chaosModes is what can happen at a point.
var chaosModes = map[string]func() error{
	"error": func() error { return errChaos },
	"kill": func() error {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way, and nothing more may be done
	},
	"stop": func() error {
		err := syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		// Any thread may be the one that takes the signal, a moment later: ours
		// must not go on meanwhile.
		<-time.After(50 * time.Millisecond)
		return err
	},
}

// arm hooks the harm that the environment asks for into the seams that the
// service has for tests. Appends are sent in batches, which no load of a test
// would bring about.
func arm(cfg *service.Config) {
	cfg.AlwaysGroup = true
	text := os.Getenv(chaosVariable)
	if text == "" {
		return
	}
	// Not through the log's buffer: a kill would lose the line that announces it.
	h := &harm{log: observe.NewLogger(os.Stderr, slog.LevelInfo, false)}
	for spec := range strings.SplitSeq(text, ",") {
		if err := h.add(spec); err != nil {
			_, _ = fmt.Fprintf(os.Stderr, "%s: %s: %s\n", program, chaosVariable, err)
			os.Exit(2)
		}
	}
	cfg.Interrupt = func(_ string, done refund.Effect) error { return h.reach(chaosPoints[done]) }
	cfg.NATSOptions = append(cfg.NATSOptions, nats.SetCustomDialer(natsDialer{h}))
	cfg.DialDOKU = h.dialDOKU
}

// harm is all that was asked for. It is safe for concurrent use.
type harm struct {
	log      *slog.Logger
	triggers []*trigger
	freshID  bool // the mutation
}

type trigger struct {
	point, mode string
	nth         int64
	seen        atomic.Int64
}

func (h *harm) add(spec string) error {
	if spec == "fresh_external_id" {
		h.freshID = true
		return nil
	}
	at := strings.LastIndex(spec, ":")
	if at < 0 || chaosModes[spec[at+1:]] == nil {
		return fmt.Errorf("%q names no mode", spec)
	}
	point, number, _ := strings.Cut(spec[:at], "#")
	nth, err := strconv.ParseInt(number, 10, 64)
	if err != nil || nth < 1 {
		return fmt.Errorf("%q does not say which time", spec)
	}
	if !chaosPoint(point) {
		return fmt.Errorf("%q names no point", spec)
	}
	h.triggers = append(h.triggers, &trigger{point: point, mode: spec[at+1:], nth: nth})
	return nil
}

func chaosPoint(name string) bool {
	for _, known := range chaosPoints {
		if name == known {
			return true
		}
	}
	for _, m := range chaosMarks {
		if name == m.before || name == m.after || name == m.answer {
			return true
		}
	}
	return false
}

// reach is called at every point. It returns an error where one was asked for.
func (h *harm) reach(point string) error {
	for _, t := range h.triggers {
		if point == "" || t.point != point || t.seen.Add(1) != t.nth {
			continue
		}
		h.log.Warn("chaos point reached", "point", point, "nth", t.nth, "mode", t.mode)
		if err := chaosModes[t.mode](); err != nil {
			return fmt.Errorf("%s: %w", point, err)
		}
	}
	return nil
}
