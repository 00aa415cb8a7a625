package service

import (
	"context"
	"time"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/retry"
)

// reloadEvery is how soon a changed key is noticed.
const reloadEvery = 20 * time.Second

// reload reads the keys again and again, so that they can be changed without a
// restart. Keys that cannot be read, or are unfit, leave those in use.
func (p *process) reload(ctx context.Context, client *doku.Client) {
	if p.Reload == nil {
		return
	}
	used := p.Keys
	for retry.Sleep(ctx, reloadEvery) == nil {
		fresh, err := p.Reload()
		if err == nil && !fresh.differ(used) {
			continue
		}
		if err == nil {
			err = client.Rekey(fresh.Secret, fresh.Private)
		}
		if err != nil {
			p.Log.Warn("keys not changed", "error", err)
			continue
		}
		used = fresh
		p.Log.Info("keys changed")
	}
}

func (k Keys) differ(other Keys) bool {
	if k.Secret != other.Secret || (k.Private == nil) != (other.Private == nil) {
		return true
	}
	return k.Private != nil && !k.Private.Equal(other.Private)
}
