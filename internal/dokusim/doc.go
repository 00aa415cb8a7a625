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
// Invariant: money moves in one place, [Server]'s commit of a refund, under one
// lock, and each movement is journalled (when there is a book file) before any
// answer about it leaves. [Snapshot] is therefore the truth about the money,
// whatever the client was told.
package dokusim
