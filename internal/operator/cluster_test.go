package operator_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

// clustered is an operator on three nodes, connected to the first.
func clustered(t *testing.T) (fixture, *devstack.NATS) {
	t.Helper()
	n, err := devstack.StartCluster(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	nc, js, err := n.Connect(nats.DontRandomize())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := n.Setup(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	return on(n, js, clientID), n
}

func kill(node *server.Server) { node.Shutdown(); node.WaitForShutdown() }

// examined looks until every finding of a check has all words.
func examined(t *testing.T, f fixture, c operator.Checkup, done func([]operator.Finding) bool) []operator.Finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		found := f.Examine(ctx, c)
		if done(found) {
			return found
		}
		select {
		case <-ctx.Done():
			t.Fatalf("still %+v", found)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func of(found []operator.Finding, check string) []operator.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f operator.Finding) bool { return f.Check != check })
}

func TestDoctorSeesADeadNodeAndALostQuorum(t *testing.T) {
	t.Parallel()
	f, n := clustered(t)
	f.put(t, record("rf-1", refund.Sending))
	healthy := examined(t, f, operator.Checkup{}, func(found []operator.Finding) bool {
		r := of(found, "replicas")
		return len(r) == 1 && r[0].Level == operator.LevelOK
	})
	if text := of(healthy, "replicas")[0].Text; !strings.Contains(text, "all are there and current; leaders: dev-") {
		t.Errorf("%s", text)
	}

	kill(n.Nodes()[2])
	examined(t, f, operator.Checkup{}, func(found []operator.Finding) bool {
		r := of(found, "replicas")
		return len(r) == 1 && r[0].Level == operator.LevelProblem &&
			strings.Contains(r[0].Text, "REFUND_JOBS, REFUND_WAITS, REFUNDS, REFUND_DEAD, 16 consumers: 2 of 3 replicas there, one more lost, and nothing can be stored; offline: dev-3")
	})

	kill(n.Nodes()[1])
	lost := examined(t, f, operator.Checkup{}, func(found []operator.Finding) bool {
		return slices.ContainsFunc(found, func(f operator.Finding) bool {
			return f.Level == operator.LevelProblem && strings.Contains(f.Text, "quorum") && strings.Contains(f.Do, "bring the nodes back")
		})
	})
	for _, finding := range lost {
		if strings.Contains(finding.Text+finding.Do, "denied") || strings.Contains(finding.Do, "may this user") || strings.Contains(finding.Do, "log in") {
			t.Errorf("blames permissions: %+v", finding)
		}
	}
}

// Nobody answers, and nobody denied anything.
func TestDoctorSaysThatJetStreamIsSilentAndIsDoneSoon(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { kill(s) })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("not ready")
	}
	n := setup(t) // only for what an operator needs besides
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	f := on(n.nats, js, clientID)
	found := f.Examine(t.Context(), operator.Checkup{})
	if js := of(found, "JetStream"); len(js) != 1 || !strings.Contains(js[0].Text, "nobody answers for JetStream") {
		t.Errorf("no responders: %+v", found)
	}
	if _, err := nc.SubscribeSync("$JS.API.>"); err != nil { // it listens, and says nothing
		t.Fatal(err)
	}
	found = f.Examine(t.Context(), operator.Checkup{})
	if js := of(found, "JetStream"); len(js) != 1 || !strings.Contains(js[0].Text, "no quorum") || len(of(found, "streams")) != 0 {
		t.Errorf("silence: %+v", found)
	}
}

func TestMonitorTellsOfTheClusterItself(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for name, c := range map[string]struct{ meta, level, text string }{
		"healthy":   {`{"name":"c","leader":"n1","cluster_size":3,"replicas":[{"name":"n2","current":true,"active":1},{"name":"n3","current":true,"active":1}]}`, operator.LevelOK, "leader n1 of 3 nodes"},
		"one dead":  {`{"name":"c","leader":"n1","cluster_size":3,"replicas":[{"name":"n2","current":true,"active":1},{"name":"n3","offline":true,"active":1}]}`, operator.LevelProblem, "offline: n3"},
		"silent":    {`{"name":"c","leader":"n1","cluster_size":3,"replicas":[{"name":"n2","current":true,"active":20000000000},{"name":"n3","current":true,"active":1}]}`, operator.LevelProblem, "offline: n2"},
		"quiet":     {`{"name":"c","leader":"n1","cluster_size":3,"replicas":[{"name":"n2","current":true,"active":6000000000},{"name":"n3","current":true,"active":1}]}`, operator.LevelOK, "leader n1"},
		"just died": {`{"name":"c","leader":"n1","cluster_size":3,"replicas":[{"name":"n2","current":false,"active":6000000000,"lag":3},{"name":"n3","current":true,"active":1}]}`, operator.LevelProblem, "offline: n2"},
		"behind":    {`{"name":"c","leader":"n1","cluster_size":3,"replicas":[{"name":"n2","current":false,"active":1,"lag":7},{"name":"n3","current":true,"active":1}]}`, operator.LevelWarning, "n2 by 7"},
		"no leader": {`{"name":"c","leader":"","cluster_size":3}`, operator.LevelProblem, "no majority"},
		"follower":  {`{"name":"c","leader":"n2","cluster_size":3}`, operator.LevelOK, "leader n2"},
	} {
		monitor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"config":{"sync_always":true},"meta_cluster":` + c.meta + `}`))
		}))
		found := of(f.Examine(t.Context(), operator.Checkup{Monitor: monitor.URL, HTTP: monitor.Client()}), "cluster")
		monitor.Close()
		if len(found) != 1 || found[0].Level != c.level || !strings.Contains(found[0].Text, c.text) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
