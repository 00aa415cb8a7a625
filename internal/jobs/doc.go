// Package jobs holds the documents that programs exchange with the worker: the
// [Job] and the [Result] with their strict codec and their field rules, the
// subjects they are published on, and the headers they carry.
//
// It knows the contract, and neither DOKU nor JetStream. internal/jobs/stream
// configures the streams; internal/jobs/intake takes messages from them.
//
// Invariant: a job that [Decode] calls [Valid] keeps every rule of
// docs/contract.md for the channel of its subject. A job that is [Invalid] names
// a refund that a result can be written for. No text made here repeats a value
// out of a message: a problem names field and rule only, because its text ends
// in results and logs, which must hold neither customer tokens nor card numbers.
package jobs
