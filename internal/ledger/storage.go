package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// JetStream's codes for a message that no stream takes for its size.
const (
	codeTooLarge      jetstream.ErrorCode = 10054
	codeHeaderTooLong jetstream.ErrorCode = 10097
)

func tooLarge(err error) bool {
	code := apiCode(err)
	return errors.Is(err, nats.ErrMaxPayload) || code == codeTooLarge || code == codeHeaderTooLong
}

// LargestRecord is more bytes, headers included, than any message with a record
// has: every field as long as the contract and the worker allow. A server whose
// max_payload is less could refuse an answer from DOKU for its size.
const LargestRecord = 48 << 10

// CheckPayload returns [ErrTooLarge] while the server that the connection is on
// takes no message of [LargestRecord] bytes.
func (l *Ledger) CheckPayload() error {
	limit := l.nc.MaxPayload()
	if limit <= 0 || limit >= LargestRecord { // 0: not connected yet
		return nil
	}
	return fmt.Errorf("%w: max_payload of the NATS server is %d bytes, the largest record needs %d", ErrTooLarge, limit, LargestRecord)
}

// checkRoom keeps a send from being announced where its answer may not fit:
// after a reconnect the server may be another.
func (l *Ledger) checkRoom(r *refund.Record) error {
	if r.State != refund.Sending {
		return nil
	}
	return l.CheckPayload()
}

// shortText is what a shortened record keeps of each text, in bytes.
const shortText = 64

// WithoutTexts takes from a record the texts that decide nothing: DOKU's messages and
// our own note. It is for an answer that was refused for its size.
func WithoutTexts(r refund.Record) refund.Record {
	r.Note = ""
	if r.Response == nil {
		return r
	}
	said := *r.Response
	said.Message, said.ErrorMessage = "", ""
	for _, text := range []*string{
		&said.Code, &said.Type, &said.RefundType, &said.ApprovalCode, &said.RefundNo, &said.ReferenceNo, &said.RefundTime,
	} {
		if len(*text) > shortText {
			*text = strings.ToValidUTF8((*text)[:shortText], "")
		}
	}
	r.Response = &said
	return r
}

// The probe of CheckStorage. A message of an atomic batch meets the limits of
// server and account first, then is refused because no batch has so long a
// name: it finds out whether there is room and stores nothing. A server that
// knows no batches refuses it for the stream that it expects.
const (
	headerExpectStream = "Nats-Expected-Stream"
	longestBatchID     = 64
	probeSize          = 4 << 10
)

// CheckStorage returns [ErrStorageFull] while no record can be stored for want
// of storage, another error where nobody says so, and nil where one can be. It
// costs two round trips and stores nothing.
func (l *Ledger) CheckStorage(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.RequestTimeout)
	defer cancel()
	probe := nats.NewMsg(jobs.LedgerSubject(channel.CreditCard, refund.Waiting, "storage-probe"))
	probe.Header.Set(headerBatch, strings.Repeat("x", longestBatchID+1))
	probe.Header.Set(headerExpectStream, "NONE")
	probe.Data = bytes.Repeat([]byte("x"), l.probeBody())
	reply, err := l.nc.RequestMsgWithContext(ctx, probe)
	if err != nil {
		return fmt.Errorf("ask whether a record can be stored: %w", err)
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return fmt.Errorf("ask whether a record can be stored: %w", err)
	}
	if answer.Error != nil && stream.StorageFull(answer.Error) {
		return fmt.Errorf("%w: no record can be stored, and nothing is sent: %w", ErrStorageFull, answer.Error)
	}
	return l.checkSize(ctx)
}

// probeBody leaves room for the probe's headers where the server takes small
// messages only.
func (l *Ledger) probeBody() int {
	const headers = 256
	return min(probeSize, max(int(l.nc.MaxPayload())-headers, 0))
}

// checkSize looks at the size that REFUNDS itself may have.
func (l *Ledger) checkSize(ctx context.Context) error {
	info, err := l.info(ctx, stream.Refunds, "", 0)
	if err != nil {
		return err
	}
	size, used := info.Config.MaxBytes, info.State.Bytes
	if size > 0 && used+probeSize > uint64(size) {
		return fmt.Errorf("%w: no record can be stored, and nothing is sent: stream %s holds %d of %d bytes",
			ErrStorageFull, stream.Refunds, used, size)
	}
	if most := info.Config.MaxMsgs; most > 0 && info.State.Messages >= uint64(most) {
		return fmt.Errorf("%w: no record can be stored, and nothing is sent: stream %s holds %d of %d messages",
			ErrStorageFull, stream.Refunds, info.State.Messages, most)
	}
	return nil
}
