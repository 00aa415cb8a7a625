package doku

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrConfig is wrapped by every problem that [Config.Validate] and [New]
	// report; nothing was opened.
	ErrConfig = errors.New("doku settings")

	// ErrPrivateKey is wrapped by what [LoadPrivateKey] reports. Such errors
	// hold no byte of the key.
	ErrPrivateKey = errors.New("private key")

	// ErrNoPrivateKey is returned by [Client.Prepare] for a SNAP channel of a
	// client that was made without an RSA key. Nothing was sent.
	ErrNoPrivateKey = errors.New("no rsa private key: only credit_card can be used")

	// ErrClosed is returned by [Client.Prepare] after [Client.Close].
	ErrClosed = errors.New("client is closed")
)

// Why a connection refused bytes of a request or an answer. They never leave
// the package: the [sendState], not the error, decides the verdict.
var (
	errTooLate        = errors.New("send_by has passed")
	errUnsolicited    = errors.New("bytes came before the request was sent")
	errTooManyInterim = errors.New("too many interim answers")
)

// PrepareError is what [Client.Prepare] returns: no B2B token is available, so no
// refund may be recorded as being sent.
type PrepareError struct {
	Cause      Cause         // Credentials, Throttled, NotWritten or Failing
	RetryAfter time.Duration // as DOKU asked; 0 where it did not
	HTTPStatus int           // 0: no answer
	Code       string        // responseCode, where there was one
	Unlisted   bool          // Code stands in no table
	Err        error         // why, in our words; never holds a secret or a body
}

// Error implements error.
func (e *PrepareError) Error() string {
	if e.HTTPStatus == 0 {
		return fmt.Sprintf("get b2b token: %v", e.Err)
	}
	return fmt.Sprintf("get b2b token: http %d, code %q: %v", e.HTTPStatus, e.Code, e.Err)
}

// Unwrap returns the cause.
func (e *PrepareError) Unwrap() error { return e.Err }
