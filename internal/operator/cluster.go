package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// raftGroup is a stream or consumer with what its cluster says of it.
type raftGroup struct {
	name     string
	consumer bool
	replicas int // as it is configured; 0: as many as are there
	cluster  *jetstream.ClusterInfo
	err      error
}

// replicas looks at every copy of the streams and consumers: leaders, copies
// that are offline or behind, and whether enough are left to store anything.
func (o Operator) replicas(ctx context.Context) []Finding {
	const name = "replicas"
	groups := o.groups(ctx)
	leaders, single := map[string]int{}, true
	troubles := map[agreement][]raftGroup{}
	for _, g := range groups {
		switch {
		case missing(g.err):
			continue // the check of the streams says so
		case g.err != nil:
			text, do := o.why(g.err)
			troubles[agreement{LevelProblem, text, do}] = append(troubles[agreement{LevelProblem, text, do}], g)
			continue
		}
		if v := g.judge(); v.level != LevelOK {
			troubles[v] = append(troubles[v], g)
		}
		if g.cluster != nil && g.cluster.Leader != "" {
			leaders[g.cluster.Leader]++
			single = single && len(g.cluster.Replicas) == 0
		}
	}
	if len(troubles) == 0 && single {
		return []Finding{{LevelOK, name, "one copy of everything, on " + counted(leaders), ""}}
	}
	if len(troubles) == 0 {
		return []Finding{{LevelOK, name, "all are there and current; leaders: " + counted(leaders), ""}}
	}
	var found []Finding
	for _, v := range slices.SortedFunc(maps.Keys(troubles), compareAgreements) {
		found = append(found, Finding{v.level, name, labels(troubles[v]) + ": " + v.text, v.do})
	}
	return found
}

func missing(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound)
}

func counted(leaders map[string]int) string {
	var list []string
	for _, node := range slices.Sorted(maps.Keys(leaders)) {
		list = append(list, fmt.Sprintf("%s (%d)", node, leaders[node]))
	}
	if len(list) == 0 {
		return "one server"
	}
	return strings.Join(list, ", ")
}

// groups asks for all of them at once: where nobody answers, each would take
// seconds.
func (o Operator) groups(ctx context.Context) []raftGroup {
	var groups []raftGroup
	var asks []func() (*jetstream.ClusterInfo, int, error)
	for _, stream := range stream.Configs(1) {
		groups = append(groups, raftGroup{name: stream.Name})
		asks = append(asks, func() (*jetstream.ClusterInfo, int, error) {
			s, err := o.cfg.JS.Stream(ctx, stream.Name)
			if err != nil {
				return nil, 0, err
			}
			return s.CachedInfo().Cluster, s.CachedInfo().Config.Replicas, nil
		})
	}
	for _, consumer := range stream.Consumers(channel.All()) {
		groups = append(groups, raftGroup{name: consumer.Config.Durable, consumer: true})
		asks = append(asks, func() (*jetstream.ClusterInfo, int, error) {
			c, err := o.cfg.JS.Consumer(ctx, consumer.Stream, consumer.Config.Durable)
			if err != nil {
				return nil, 0, err
			}
			return c.CachedInfo().Cluster, c.CachedInfo().Config.Replicas, nil
		})
	}
	var group sync.WaitGroup
	for i, ask := range asks {
		group.Go(func() { groups[i].cluster, groups[i].replicas, groups[i].err = ask() })
	}
	group.Wait()
	return groups
}

// labels names the streams, and the consumers where they are few.
func labels(groups []raftGroup) string {
	var names, consumers []string
	for _, g := range groups {
		if g.consumer {
			consumers = append(consumers, g.name)
		} else {
			names = append(names, g.name)
		}
	}
	if len(consumers) > 3 {
		consumers = []string{fmt.Sprintf("%d consumers", len(consumers))}
	}
	return strings.Join(append(names, consumers...), ", ")
}

// agreement is a [Finding] without the name of what it is about.
type agreement struct{ level, text, do string }

func compareAgreements(a, b agreement) int {
	if a.level != b.level {
		return strings.Compare(a.level, b.level) // problem before warning
	}
	return strings.Compare(a.text, b.text)
}

const (
	bringBack = "bring the nodes back, or give their place to others; nothing is lost meanwhile"
	noQuorum  = "without a majority nothing can be stored or delivered, so nothing is sent: bring the nodes back; nothing is lost meanwhile"
)

// judge says what is wrong with the copies of one stream or consumer.
func (g raftGroup) judge() agreement {
	if g.cluster == nil {
		return agreement{level: LevelOK} // a server of its own
	}
	there, all, offline, behind := g.count()
	names := strings.Join(offline, ", ")
	switch {
	case there < all/2+1:
		return agreement{LevelProblem, fmt.Sprintf("no quorum: %d of %d replicas there; offline: %s", there, all, names), noQuorum}
	case g.cluster.Leader == "":
		return agreement{LevelProblem, fmt.Sprintf("no leader, though %d of %d replicas are there", there, all), "an election takes seconds: look again; where it stays, restart the nodes one by one"}
	case len(offline) > 0:
		left := "one more lost, and nothing can be stored"
		if there > all/2+1 {
			left = "a majority is left"
		}
		return agreement{LevelProblem, fmt.Sprintf("%d of %d replicas there, %s; offline: %s", there, all, left, names), bringBack}
	case len(behind) > 0:
		return agreement{LevelWarning, "behind: " + strings.Join(behind, ", "), "a replica that has just come back catches up; where the number grows, look at that node's disk and network"}
	}
	return agreement{level: LevelOK}
}

// How long a replica may say nothing to its leader, which hears from it every
// second or two; less where it has missed something meanwhile. The server itself
// calls a node that was killed offline after half a minute, and one that stands
// still never.
const (
	silent       = 15 * time.Second
	silentBehind = 4 * time.Second
)

// count counts the replicas that are there, of all that there should be.
func (g raftGroup) count() (there, all int, offline, behind []string) {
	led := g.cluster.Leader != ""
	if led {
		there, all = 1, 1
	}
	for _, p := range g.cluster.Replicas {
		all++
		switch {
		case led && !p.Current && p.Active > silentBehind:
			offline = append(offline, p.Name)
			continue
		// Without a leader, another replica answers: it lists itself, and knows
		// nothing of the others but when they were heard of last.
		case p.Offline, led && p.Active > silent, !led && !p.Current:
			offline = append(offline, p.Name)
			continue
		case !p.Current || p.Lag > farBehind:
			behind = append(behind, fmt.Sprintf("%s by %d", p.Name, p.Lag))
		}
		there++
	}
	for ; all < g.replicas; all++ {
		offline = append(offline, "one that is no part of the cluster any more")
	}
	return there, all, offline, behind
}

// farBehind is a lag that no replica has under load that keeps up.
const farBehind = 10_000

// meta is what the monitoring port says of the cluster itself: which decides
// where streams and consumers live.
type meta struct {
	Name     string               `json:"name"`
	Leader   string               `json:"leader"`
	Size     int                  `json:"cluster_size"`
	Replicas []jetstream.PeerInfo `json:"replicas"` // where the server that answers is the leader
}

func (m *meta) finding() []Finding {
	const name = "cluster"
	if m == nil || m.Name == "" {
		return nil // one server
	}
	peers := make([]*jetstream.PeerInfo, len(m.Replicas))
	for i := range m.Replicas {
		peers[i] = &m.Replicas[i]
	}
	g := raftGroup{cluster: &jetstream.ClusterInfo{Leader: m.Leader, Replicas: peers}}
	if m.Leader == "" {
		return []Finding{{LevelProblem, name, fmt.Sprintf("%s has no leader: of %d nodes no majority is there", m.Name, m.Size), noQuorum}}
	}
	if v := g.judge(); v.level != LevelOK {
		return []Finding{{v.level, name, v.text, v.do}}
	}
	return []Finding{{LevelOK, name, fmt.Sprintf("%s: leader %s of %d nodes", m.Name, m.Leader, m.Size), ""}}
}

// JetStream's codes for "no leader, or not enough nodes".
const (
	codeClusterNotAvailable jetstream.ErrorCode = 10008
	codeNoPeers             jetstream.ErrorCode = 10005
)

// why says what an error means, and what to do. A denial, an outage and a lost
// quorum all look like a timeout to the caller.
func (o Operator) why(err error) (text, do string) {
	nc := o.cfg.JS.Conn()
	var api *jetstream.APIError
	switch last := nc.LastError(); {
	case !nc.IsConnected():
		return "not connected to NATS: " + err.Error(), "is NATS there?"
	case unanswered(err) && last != nil && errors.Is(last, nats.ErrPermissionViolation):
		return "denied: " + last.Error(), "log in as the user operator (deploy/nats.conf), and set NATS_INBOX_PREFIX to its own"
	case errors.As(err, &api) && (api.ErrorCode == codeClusterNotAvailable || api.ErrorCode == codeNoPeers):
		return "JetStream has no leader, so no quorum: " + err.Error(), noQuorum
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return "nobody answers for JetStream here: " + err.Error(), "is JetStream on, in this account, and NATS_JS_API_PREFIX right? In a cluster: " + noQuorum
	case unanswered(err):
		return "JetStream does not answer, though NATS does: it has no leader there, so no quorum", noQuorum
	}
	return err.Error(), "is NATS there, and its disk in order?"
}

// unanswered reports whether nobody said anything.
func unanswered(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)
}

// answers reports whether JetStream says anything at all; where it does not,
// every further question would take its whole time, and say the same.
func (o Operator) answers(ctx context.Context) (silence []Finding) {
	_, err := o.cfg.JS.AccountInfo(ctx)
	if err == nil || missing(err) {
		return nil
	}
	text, do := o.why(err)
	if strings.HasPrefix(text, "denied") {
		return nil // of this question; others may be allowed
	}
	return []Finding{{LevelProblem, "JetStream", text, do}}
}
