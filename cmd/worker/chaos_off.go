//go:build !chaos || !unix

package main

import "refundworker.example/refundworker/internal/service"

// arm does nothing: a worker that is built without the tag chaos has no hooks
// and knows no setting for them.
func arm(*service.Config) {}
