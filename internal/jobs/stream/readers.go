package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// Reader is a durable consumer of results or of notices of dead letters. Each program
// that reads has one of its own.
type Reader struct {
	Name   string
	Stream string // REFUNDS or REFUND_DEAD
	Filter string // several, where somebody else has made it: separated by ", "

	Unread         uint64 // messages that it has not been given yet
	Unacknowledged int    // messages that it has been given and has not acknowledged
}

// ResultFilter is the filter of a reader of results: of all, of one channel, of one
// status, or of both.
func ResultFilter(ch channel.Channel, status refund.State) string {
	if ch == "" && status == refund.None {
		return jobs.ResultsPrefix + ">"
	}
	ofStatus := "*"
	if status != refund.None {
		ofStatus = status.String()
	}
	return jobs.ResultsPrefix + cmp.Or(string(ch), "*") + "." + ofStatus + ".*"
}

// NoticeFilter is the filter of a reader of notices: those of all channels.
const NoticeFilter = jobs.NoticesPrefix + ">"

// readable is where readers read, and what their filters begin with.
var readable = map[string]string{Refunds: jobs.ResultsPrefix, Dead: jobs.NoticesPrefix}

var readerName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ValidReaderName reports whether a reader may be called so, with 1 to 64 letters,
// digits, _ or -: the name becomes a part of subjects.
func ValidReaderName(name string) bool { return readerName.MatchString(name) }

// withoutStream says what to do where the stream itself is not there.
func withoutStream(name string, err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("stream %s is not there: run `refundctl setup` first: %w", name, err)
	}
	return err
}

// AddReader makes a durable consumer that reads from the first message on. One of the
// same name with another filter is left as it is: [ErrReader].
func AddReader(ctx context.Context, js jetstream.JetStream, r Reader) (made bool, err error) {
	if !ValidReaderName(r.Name) {
		return false, fmt.Errorf("%w: a name has 1 to 64 letters, digits, _ or -", ErrReader)
	}
	made, err = createConsumer(ctx, js, durableReader(r.Stream, r.Name, r.Filter))
	if err != nil || made {
		return made, withoutStream(r.Stream, err)
	}
	there, err := js.Consumer(ctx, r.Stream, r.Name)
	if err != nil {
		return false, err
	}
	found, ok := readerOf(there.CachedInfo())
	if !ok || found.Filter != r.Filter || there.CachedInfo().Config.AckPolicy != jetstream.AckExplicitPolicy {
		return false, fmt.Errorf("%w: %s/%s is there with another filter or without explicit acknowledgements", ErrReader, r.Stream, r.Name)
	}
	return false, nil
}

// Readers returns all durable consumers of results and of notices, by stream and
// name.
func Readers(ctx context.Context, js jetstream.JetStream) ([]Reader, error) {
	var found []Reader
	for _, name := range []string{Refunds, Dead} {
		stream, err := js.Stream(ctx, name)
		if err != nil {
			return nil, withoutStream(name, err)
		}
		list := stream.ListConsumers(ctx)
		for info := range list.Info() {
			if r, ok := readerOf(info); ok {
				found = append(found, r)
			}
		}
		if err := list.Err(); err != nil {
			return nil, fmt.Errorf("list consumers of %s: %w", name, err)
		}
	}
	slices.SortFunc(found, func(a, b Reader) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Name, b.Name))
	})
	return found, nil
}

// readerOf returns false for what is no durable reader: an operator's look, most
// often.
func readerOf(info *jetstream.ConsumerInfo) (Reader, bool) {
	prefix := readable[info.Stream]
	filters := info.Config.FilterSubjects
	if len(filters) == 0 {
		filters = []string{info.Config.FilterSubject}
	}
	other := func(filter string) bool { return !strings.HasPrefix(filter, prefix) }
	if info.Config.Durable == "" || prefix == "" || slices.ContainsFunc(filters, other) {
		return Reader{}, false
	}
	return Reader{
		Name: info.Name, Stream: info.Stream, Filter: strings.Join(filters, ", "),
		Unread: info.NumPending, Unacknowledged: info.NumAckPending,
	}, true
}

// RemoveReader removes a durable consumer of results or notices and returns what it
// was, or [ErrReader] where there is none of that name. The messages stay; a new
// reader of that name begins with the first.
func RemoveReader(ctx context.Context, js jetstream.JetStream, stream, name string) (Reader, error) {
	if !ValidReaderName(name) {
		return Reader{}, fmt.Errorf("%w: no reader has such a name", ErrReader)
	}
	consumer, err := js.Consumer(ctx, stream, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return Reader{}, fmt.Errorf("%w: %s has no consumer %s", ErrReader, stream, name)
	}
	if err != nil {
		return Reader{}, withoutStream(stream, err)
	}
	r, ok := readerOf(consumer.CachedInfo())
	if !ok {
		return Reader{}, fmt.Errorf("%w: %s/%s reads neither results nor notices", ErrReader, stream, name)
	}
	return r, js.DeleteConsumer(ctx, stream, name)
}

// Exports are the lines of deploy/nats.conf by which another account reaches the
// reader: those of the account of the streams, and those of the account that
// imports.
func (r Reader) Exports(account string) (exports, imports, publish []string) {
	for _, subject := range []string{"$JS.API.CONSUMER.INFO.", "$JS.API.CONSUMER.MSG.NEXT."} {
		subject += r.Stream + "." + r.Name
		response := ""
		if strings.Contains(subject, ".MSG.NEXT.") {
			response = " response_type: stream,"
		}
		to := "REFUNDS.API" + strings.TrimPrefix(subject, "$JS.API")
		exports = append(exports, fmt.Sprintf(`{service: %q,%s accounts: [%s]}`, subject, response, account))
		imports = append(imports, fmt.Sprintf(`{service: {account: REFUNDS, subject: %q}, to: %q}`, subject, to))
		publish = append(publish, to)
	}
	for _, subject := range []string{"$JS.ACK.", "$JS.ACK.*.*."} {
		subject += r.Stream + "." + r.Name + ".>"
		exports = append(exports, fmt.Sprintf(`{service: %q, accounts: [%s]}`, subject, account))
		imports = append(imports, fmt.Sprintf(`{service: {account: REFUNDS, subject: %q}}`, subject))
		publish = append(publish, subject)
	}
	return exports, imports, publish
}
