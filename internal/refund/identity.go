package refund

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"math/big"
	"strconv"

	"github.com/google/uuid"

	"refundworker.example/refundworker/internal/channel"
)

// namespace is the UUIDv5 namespace of card Request-Ids. It never changes: a
// worker with another one would send a second refund for every open job.
var namespace = uuid.MustParse("7a7e5c1e-5b0c-5d3b-9a53-2f6b2c1f0d4e")

var tenTo29 = new(big.Int).Exp(big.NewInt(10), big.NewInt(29), nil)

// RequestID returns the Request-Id under which a card refund is sent, forever
// (docs/architecture.md, "Identifiers"). 36 characters.
func RequestID(clientID, refundID string) string {
	return uuid.NewSHA1(namespace, []byte(name(clientID, refundID))).String()
}

// PartnerRefundNo returns the partnerRefundNo under which a SNAP refund is
// sent, forever: the refund id where the channel takes it, else the unpadded
// base32 of a digest, cut to the channel's longest.
func PartnerRefundNo(clientID, refundID string, limits channel.Length) string {
	if limits.Holds(refundID) && alphanumericOrDash(refundID) {
		return refundID
	}
	sum := sha256.Sum256([]byte("partner\n" + name(clientID, refundID)))
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
	return text[:min(len(text), limits.Max)]
}

// shortNumber is a partnerRefundNo of so few characters, 5 bits each, that two
// refunds may be given the same: of 10^8 refunds with a chance of 4 in 1,000.
const shortNumber = 12

// NumberMayCollide reports whether the refund's partnerRefundNo is a short digest
// of its id, which another refund's may equal. DOKU takes the later one for a
// repeat of the earlier, with other content, and never pays it.
func (r *Record) NumberMayCollide() bool {
	no := r.Identity.PartnerRefundNo
	return no != "" && no != r.Job.RefundID && len(no) <= shortNumber
}

// ExternalID returns the X-EXTERNAL-ID of a SNAP send: "1" and 29 decimal
// digits. k counts the sends before the first that may be unknown, see
// [Core.ExternalKey].
func ExternalID(clientID, refundID string, k int32) string {
	sum := sha256.Sum256([]byte("external\n" + name(clientID, refundID) + "\n" + strconv.Itoa(int(k))))
	digits := new(big.Int).Mod(new(big.Int).SetBytes(sum[:]), tenTo29)
	return fmt.Sprintf("1%029d", digits)
}

// ExternalKey returns k for the send that this record announces: a send that
// was proven not executed is followed by a fresh X-EXTERNAL-ID (DOKU may count
// the refused one as used), an unknown one by the very same.
func (c Core) ExternalKey() int32 {
	if c.FirstUnknown > 0 {
		return c.FirstUnknown - 1
	}
	return max(c.Sends-1, 0) // before the first send: the number that it will carry
}

func name(clientID, refundID string) string { return clientID + "\n" + refundID }

func alphanumericOrDash(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
