package deploy_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// The simulator makes its keys under names of its own choice; compose.yaml has
// to name the same files to the workers.
func TestWorkersReadTheKeysThatTheSimulatorMakes(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	keys := t.TempDir()
	made := simulatorSettings(t, "--addr", "127.0.0.1:0", "--keys", keys, "--book", filepath.Join(t.TempDir(), "book.ndjson"))
	for _, name := range []string{"DOKU_SECRET_KEY_FILE", "DOKU_PRIVATE_KEY_FILE"} {
		file, err := filepath.Rel(keys, made[name])
		if err != nil {
			t.Fatalf("%s is %q: %v", name, made[name], err)
		}
		if want := "\n  " + name + ": /keys/" + file + "\n"; !strings.Contains(string(compose), want) {
			t.Errorf("compose.yaml does not say %q", strings.TrimSpace(want))
		}
	}
	if !regexp.MustCompile(`DOKU_CLIENT_ID: (&\S+ )?` + regexp.QuoteMeta(made["DOKU_CLIENT_ID"]) + "\n").Match(compose) {
		t.Errorf("compose.yaml does not name the simulator's client id %s", made["DOKU_CLIENT_ID"])
	}
}

// simulatorSettings runs the simulator until it has printed what a worker
// needs, and returns that.
func simulatorSettings(t *testing.T, args ...string) map[string]string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "dokusim")
	build := exec.CommandContext(ctx(t), "go", "build", "-buildvcs=false", "-o", program, "../cmd/dokusim")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the simulator: %v\n%s", err, out)
	}
	sim := exec.CommandContext(ctx(t), program, args...)
	stdout, err := sim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Start(); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if settings[name] = value; name == "DOKU_PRIVATE_KEY_FILE" { // the last one
			break
		}
	}
	if err := sim.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := sim.Wait(); err != nil {
		t.Errorf("the simulator does not end well: %v", err)
	}
	return settings
}
