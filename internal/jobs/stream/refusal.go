package stream

import (
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// JetStream's codes for a message that a stream refuses.
const (
	codeAccountFull jetstream.ErrorCode = 10002 // the account's storage
	codeServerFull  jetstream.ErrorCode = 10023 // the server's
	codeStoreFailed jetstream.ErrorCode = 10077 // the stream's own limit, or the disk
	codeTooLarge    jetstream.ErrorCode = 10054
	codeSealed      jetstream.ErrorCode = 10109
)

// StorageFull reports whether the server has refused a message for want of storage.
// It has then stored nothing.
func StorageFull(err error) bool {
	code := apiCode(err)
	return code == codeAccountFull || code == codeServerFull || code == codeStoreFailed && ownLimit(err)
}

// ownLimit tells a stream's own limit ("maximum bytes exceeded") from a failure
// of the disk, after which nobody knows what was written.
func ownLimit(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && strings.HasPrefix(api.Description, "maximum ")
}

// NobodyListens reports whether no stream takes the subject of a publish, or none has
// a leader. Nothing was stored.
func NobodyListens(err error) bool {
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders)
}

// NotStored reports whether a publish has certainly stored nothing. Of any other error
// nobody knows.
func NotStored(err error) bool {
	code := apiCode(err)
	return StorageFull(err) || NobodyListens(err) || code == codeTooLarge || code == codeSealed || errors.Is(err, nats.ErrMaxPayload)
}
