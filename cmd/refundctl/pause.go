package main

import (
	"fmt"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
)

// allChannels is what stands for every channel.
const allChannels = "all"

type pauseCommand struct {
	Channel string `arg:"" name:"CHANNEL" help:"One channel, or all."`
	For     string `help:"How long, such as 2h; without it until resume." placeholder:"TIME"`
}

// channelReport is the report of pause and resume.
type channelReport struct {
	Channel string    `json:"channel"`
	Paused  bool      `json:"paused"`
	Until   time.Time `json:"until,omitzero"`
}

// Run implements kong's command.
func (c pauseCommand) Run(s *session) error {
	channels, err := channelsNamed(c.Channel)
	if err != nil {
		return err
	}
	var until time.Time
	if c.For != "" {
		var p config.Problems
		d := p.Duration("--for", c.For, time.Second)
		if len(p) > 0 {
			return &usageError{p}
		}
		until = time.Now().Add(d).UTC()
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	if err := each(channels, func(ch channel.Channel) error { return o.Pause(s.ctx, ch, until) }); err != nil {
		return err
	}
	return s.show(channelReport{c.Channel, true, until}, func(p *sheet) {
		end := "until `refundctl resume " + c.Channel + "`"
		if !until.IsZero() {
			end = "until " + p.clock(until)
		}
		p.line("paused %s for the whole fleet, %s; what workers have in flight is finished", shown(c.Channel), end)
	})
}

type resumeCommand struct {
	Channel string `arg:"" name:"CHANNEL" help:"One channel, or all."`
}

// Run implements kong's command.
func (c resumeCommand) Run(s *session) error {
	channels, err := channelsNamed(c.Channel)
	if err != nil {
		return err
	}
	o, err := s.operator()
	if err != nil {
		return err
	}
	if err := each(channels, func(ch channel.Channel) error { return o.Resume(s.ctx, ch) }); err != nil {
		return err
	}
	return s.show(channelReport{Channel: c.Channel}, func(p *sheet) { p.line("resumed %s", shown(c.Channel)) })
}

func channelsNamed(text string) ([]channel.Channel, error) {
	if text == allChannels {
		return channel.All(), nil
	}
	ch, err := channelNamed("CHANNEL", text)
	return []channel.Channel{ch}, err
}

func shown(text string) string {
	if text == allChannels {
		return "all channels"
	}
	return text
}

// each does it for one channel after the other. An error names those that it was done
// for.
func each(channels []channel.Channel, do func(channel.Channel) error) error {
	var done []string
	for _, ch := range channels {
		if err := do(ch); err != nil {
			if len(done) == 0 {
				return err
			}
			return fmt.Errorf("%w; done for %s", err, strings.Join(done, ", "))
		}
		done = append(done, string(ch))
	}
	return nil
}
