// Package dokusim is DOKU over HTTP as its documents tell it: the two refund
// APIs, their tokens and their status inquiries, with every header, signature,
// token, length and timestamp verified, faults on demand, and a book of the
// money that moved.
//
// It exists so that a refund worker can be tried, killed and measured against
// something that counts. It therefore shares no signing, decoding or table with
// the rest of the program: two readings of the same documents that agree are
// evidence, one reading used twice is not.
//
// Tests steer it in Go ([Server.Script], [Server.Outage], [Server.AddPayment],
// [Server.WaitHeld], [Server.Release], [Server.ExpireTokens]) and read [Server.Book] and
// [Server.Requests]. From outside the same stands under /_sim/, as JSON; GET /_sim/ and
// `dokusim faults --help` list it ([Endpoints], [Kind.About]), and the page has a form.
//
// A rule ends by itself with "for":"30s" beside its faults, and what a fault
// answers is open: the kinds refuse, edit and respond say whatever DOKU may.
//
//	{"kind":"refuse","code":"invalid_client_id"}                       a card refusal, HTTP 400; any code, any "status"
//	{"kind":"refuse","code":"17","status":404}                         SNAP: a case, completed to 4040717
//	{"kind":"refuse","code":"4040713","status":200}                    a no inside HTTP 200
//	{"kind":"refuse","code":"02","message":"Invalid Mandatory Field X-TIMESTAMP"}
//	{"kind":"too_many","headers":{"Retry-After":"6.5"}}
//	{"kind":"edit","set":{"/card_payment/transaction_status":"FAILED"}}  the true answer with one member changed
//	{"kind":"edit","move":{"/refundHistory":"/additionalInfo/refundHistory"}}
//	{"kind":"edit","drop":["/refundHistory/0/partnerRefundNo"]}
//	{"kind":"respond","status":403,"body":"<html>blocked</html>"}
//
// What could be true of every answer is a [Quirk] instead; [Quirks] lists them.
//
// Invariant: money moves in one place, [Server]'s commit of a refund, under one
// lock, and each movement is journalled (when there is a book file) before any
// answer about it leaves. [Snapshot] is therefore the truth about the money,
// whatever the client was told.
package dokusim
