package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker/internal/channel"
)

// Setup creates those of the four streams and sixteen consumers that are
// missing, and returns their names, a consumer's as stream/consumer. What is
// there is left as it is, whatever its configuration: [Check] judges that. Two
// programs may run Setup at once.
func Setup(ctx context.Context, js jetstream.JetStream, replicas int) (created []string, err error) {
	for _, cfg := range Streams(replicas) {
		made, err := createStream(ctx, js, cfg)
		if err != nil {
			return created, fmt.Errorf("set up stream %s: %w", cfg.Name, err)
		}
		if made {
			created = append(created, cfg.Name)
		}
	}
	for _, c := range Consumers(channel.All()) {
		made, err := createConsumer(ctx, js, c)
		if err != nil {
			return created, fmt.Errorf("set up consumer %s/%s: %w", c.Stream, c.Config.Durable, err)
		}
		if made {
			created = append(created, c.Stream+"/"+c.Config.Durable)
		}
	}
	return created, nil
}

func createStream(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) (made bool, err error) {
	if _, err = js.Stream(ctx, cfg.Name); !errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, err
	}
	_, err = js.CreateStream(ctx, cfg)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return false, nil // another setup was quicker, with another number of replicas
	}
	return err == nil, err
}

func createConsumer(ctx context.Context, js jetstream.JetStream, c Consumer) (made bool, err error) {
	_, err = js.Consumer(ctx, c.Stream, c.Config.Durable)
	switch {
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return false, nil // there, and unfit: for Check to say
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return false, err
	}
	_, err = js.CreateConsumer(ctx, c.Stream, c.Config)
	if errors.Is(err, jetstream.ErrConsumerExists) {
		return false, nil
	}
	return err == nil, err
}
