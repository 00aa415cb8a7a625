// Package stream configures what the refund worker keeps in JetStream: four
// streams and sixteen consumers, their creation, upgrade and check, and the
// dead letters and notices that are stored there.
//
// Invariant: [Check] accepts only a configuration under which no job, record or
// scheduled message can be dropped without an error to its publisher.
package stream
