// Package client is what an order system written in Go needs: it publishes refund
// jobs, reads their results, and hears of messages that became no job.
//
// It works on a connection of the caller's, and knows no more than the contract
// (docs/contract.md): subjects, jobs, results, notices. A job is checked by the
// worker's own rules before it is published. [Client.Publish] repeats a publish
// that was not answered, which makes no second refund; [Client.Results] hands over
// every result at least once.
package client
