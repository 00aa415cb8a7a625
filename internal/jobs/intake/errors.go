package intake

import "errors"

var (
	// ErrSettled is returned by a [Delivery] that was acknowledged or handed
	// back before. Nothing was sent.
	ErrSettled = errors.New("message is settled already")

	// ErrNoAcker is returned by a [Delivery] that was made without an Acker.
	ErrNoAcker = errors.New("delivery has no acker")

	// ErrConfig is returned by [New] for a configuration that
	// could not work.
	ErrConfig = errors.New("bad intake configuration")

	// ErrUsed is returned by a second [Intake.Run]: an intake runs once.
	ErrUsed = errors.New("intake has run already")

	// ErrNotPulling is what [Intake.Status] says before the consumers have been
	// found, and after Run has ended.
	ErrNotPulling = errors.New("not pulling")

	// ErrDisconnected is what [Intake.Status] says while NATS is away.
	ErrDisconnected = errors.New("not connected to NATS")

	// ErrNoAnswer is what [Intake.Status] says after a pull that got neither
	// messages nor heartbeats in time; the consumer is looked up again.
	ErrNoAnswer = errors.New("no answer to a pull")

	// ErrPullRefused is what [Intake.Status] says, with the server's words,
	// after a pull that the server refused or broke off; the consumer is looked
	// up again.
	ErrPullRefused = errors.New("pull refused")

	// ErrStalled is logged when messages are pending that no pull has brought
	// for a while; the intake is rebuilt.
	ErrStalled = errors.New("messages are pending but none came")

	// errReconnected ends a pull that the server has forgotten.
	errReconnected = errors.New("reconnected")
)
