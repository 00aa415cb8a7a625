package doku

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"net/http"

	"github.com/go-json-experiment/json"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/secret"
)

const (
	snapRefundPath = "/direct-debit/core/v1/debit/refund" // DOKU's direct debit document
	snapStatusPath = "/orders/v1.0/debit/status"          // docs/doku-api.md, "SNAP inquiry"
)

// snapAmount is an amount as SNAP writes it.
type snapAmount struct {
	Value    string `json:"value"`
	Currency string `json:"currency"`
}

type snapChannel struct {
	Channel string `json:"channel"`
}

// snapRefund is the body of a refund (DOKU's direct debit document).
type snapRefund struct {
	AdditionalInfo             snapChannel `json:"additionalInfo"`
	OriginalPartnerReferenceNo string      `json:"originalPartnerReferenceNo"`
	OriginalExternalID         string      `json:"originalExternalId,omitzero"`
	RefundAmount               snapAmount  `json:"refundAmount"`
	Reason                     string      `json:"reason,omitzero"`
	PartnerRefundNo            string      `json:"partnerRefundNo"`
}

// snapStatus is the body of an inquiry (docs/doku-api.md, "SNAP inquiry").
type snapStatus struct {
	OriginalPartnerReferenceNo string      `json:"originalPartnerReferenceNo"`
	OriginalExternalID         string      `json:"originalExternalId,omitzero"`
	ServiceCode                string      `json:"serviceCode"`
	MerchantID                 string      `json:"merchantId"`
	AdditionalInfo             snapChannel `json:"additionalInfo"`
}

// minified encodes compactly, without HTML escapes and without a newline at the
// end, so that the hash stays the same if DOKU writes the body anew before it
// hashes (docs/doku-api.md, "Signing a SNAP request").
func minified(body any) ([]byte, error) { return json.Marshal(body) }

func snapRefundBody(o Order) ([]byte, error) {
	return minified(snapRefund{
		AdditionalInfo:             snapChannel{o.Channel.Facts().SNAPName},
		OriginalPartnerReferenceNo: o.InvoiceNumber,
		OriginalExternalID:         o.OriginalRequestID,
		RefundAmount:               snapAmount{formatRupiah(o.Amount), "IDR"},
		Reason:                     o.Reason,
		PartnerRefundNo:            o.PartnerRefundNo,
	})
}

// refundSNAP uses the B2B token that Prepare left. It never gets one itself:
// that could take longer than send_by allows.
func (c *Client) refundSNAP(ctx context.Context, o Order, l *limit) RefundOutcome {
	if err := o.checkSNAPRefund(); err != nil {
		return unsent(err)
	}
	token, ok := c.tokens.usable()
	if !ok {
		return RefundOutcome{Class: NotExecuted, Cause: NoToken, Problem: "no b2b token at hand"}
	}
	body, err := snapRefundBody(o)
	if err != nil {
		return unsent(fmt.Errorf("encode refund: %w", err))
	}
	got := c.wire.send(ctx, request{
		operation: OpRefund, method: http.MethodPost, path: snapRefundPath,
		header: append(c.snapHeader(snapRefundPath, body, token, o.ExternalID), customerHeader(o)...), body: body, limit: l,
	})
	v := classifySNAP(o, got)
	c.tokenRefused(token, v.Cause, got.status) // from here on nobody but us knows the token that may be quoted
	v.Response = cleaned(v.Response, []secret.Text{token})
	return v
}

func (c *Client) inquireSNAP(ctx context.Context, o Order) InquiryOutcome {
	if err := o.checkSNAP(); err != nil {
		return unasked(err)
	}
	body, err := minified(snapStatus{
		OriginalPartnerReferenceNo: o.InvoiceNumber,
		OriginalExternalID:         o.OriginalRequestID,
		ServiceCode:                "55",
		MerchantID:                 c.cfg.ClientID,
		AdditionalInfo:             snapChannel{o.Channel.Facts().SNAPName},
	})
	if err != nil {
		return unasked(fmt.Errorf("encode inquiry: %w", err))
	}
	token, failed := c.tokens.get(ctx)
	if failed != nil {
		return InquiryOutcome{
			Cause: failed.Cause, RetryAfter: failed.RetryAfter,
			Response: refund.Response{HTTPStatus: failed.HTTPStatus, Code: failed.Code}, Problem: failed.Error(),
		}
	}
	id, err := c.inquiryID()
	if err != nil {
		return unasked(err)
	}
	got := c.wire.send(ctx, request{
		operation: OpInquiry, method: http.MethodPost, path: snapStatusPath,
		header: c.snapHeader(snapStatusPath, body, token, id), body: body,
	})
	i := c.findSNAP(ctx, o, got)
	c.tokenRefused(token, i.Cause, got.status)
	i.Response = cleaned(i.Response, []secret.Text{token})
	return i
}

// snapHeader holds what every SNAP call but the token's carries. There is no
// CHANNEL-ID (docs/doku-api.md, "The SNAP refund request").
func (c *Client) snapHeader(path string, body []byte, token secret.Text, externalID string) header {
	stamp := timestamp(c.cfg.Now())
	return header{
		{"X-TIMESTAMP", stamp},
		{"X-SIGNATURE", snapSignature(c.keys.Load().shared[0], snapText(http.MethodPost, path, token, body, stamp))},
		{"X-PARTNER-ID", c.cfg.ClientID},
		{"X-EXTERNAL-ID", externalID},
		{"Authorization", "Bearer " + token.Reveal()},
	}
}

// customerHeader is what this channel wants to know of the customer; the order
// has been checked to hold it.
func customerHeader(o Order) (h header) {
	facts := o.Channel.Facts()
	for _, field := range []struct {
		name, prefix string
		need         channel.Need
		value        secret.Text
	}{
		{"Authorization-customer", "Bearer ", facts.CustomerToken, o.Customer.AccessToken},
		{"X-IP-ADDRESS", "", facts.IPAddress, o.Customer.IPAddress},
		{"X-DEVICE-ID", "", facts.DeviceID, o.Customer.DeviceID},
	} {
		if field.need != channel.Unused && !field.value.IsZero() {
			h = append(h, headerField{field.name, field.prefix + field.value.Reveal()})
		}
	}
	return h
}

// inquiryID is an X-EXTERNAL-ID that no refund can have: those begin with 1.
func (c *Client) inquiryID() (string, error) {
	const digits = 29
	n, err := rand.Int(c.cfg.Rand, new(big.Int).Exp(big.NewInt(10), big.NewInt(digits), nil))
	if err != nil {
		return "", fmt.Errorf("make external id: %w", err)
	}
	return fmt.Sprintf("2%0*d", digits, n), nil
}

// tokenRefused drops the B2B token that a 401 was for, and counts. Another
// refusal of our configuration is not the token's fault: to drop it would send
// every other refund that is about to use it back.
func (c *Client) tokenRefused(token secret.Text, cause Cause, status int) {
	switch {
	case cause == Credentials && status == http.StatusUnauthorized:
		c.tokens.drop(token)
		c.cfg.Observe.tokenFailure(tokenRefused)
	case cause == CustomerToken:
		c.cfg.Observe.tokenFailure(customerTokenRefused)
	default:
	}
}
