// Package jobs is the worker's side towards the programs that ask for refunds
// and read their results: the [Job] and the [Result] with their strict codec,
// the subjects they travel on, the four streams and sixteen consumers that keep
// them, publishing, and the intake that takes jobs up.
//
// It knows NATS and the contract, but neither DOKU nor what is to become of a
// refund: a job is only a nudge, and the ledger says what may be done.
//
// Invariant: a job that [Decode] calls [Sound] keeps every rule of contract.md
// §2 for the channel of its subject, one that is [Broken] names a refund that a
// result can be written for, and no text made here repeats a value out of a
// message: a problem names field and rule only, because its text ends in
// results and logs, which must hold neither customer tokens nor card numbers.
package jobs
