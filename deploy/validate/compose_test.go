// Package validate_test reads compose.yaml with the library of docker compose
// itself, and checks what no schema can: that the health checks need no shell,
// that the workers reach the simulator over loopback, that nobody is killed with
// an answer that is not stored, and that Prometheus looks where the workers listen.
//
// It is a module of its own, so that the library's dependencies stay out of the
// programs'.
package validate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// load copies deploy/, makes its secrets there and reads compose.yaml, with the
// profile that holds the tools.
func load(t *testing.T) *types.Project {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deploy")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"compose.yaml", "nats.conf", "prometheus.yml", "alerts.yml", "secrets.sh", "Dockerfile"} {
		content, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "bash", filepath.Join(dir, "secrets.sh")).CombinedOutput(); err != nil {
		t.Fatalf("secrets.sh: %v\n%s", err, out)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")},
		cli.WithProfiles([]string{"tools"}), cli.WithResolvedPaths(true), cli.WithConsistency(true), cli.WithInterpolation(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func deployed(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// workers are the services that build the target worker.
func workers(project *types.Project) []types.ServiceConfig {
	return slices.DeleteFunc(slices.Collect(services(project)), func(s types.ServiceConfig) bool {
		return s.Build == nil || s.Build.Target != "worker"
	})
}

func services(project *types.Project) func(func(types.ServiceConfig) bool) {
	return func(yield func(types.ServiceConfig) bool) {
		for _, name := range project.ServiceNames() {
			if !yield(project.Services[name]) {
				return
			}
		}
	}
}

func setting(service types.ServiceConfig, name string) string {
	if value := service.Environment[name]; value != nil {
		return *value
	}
	return ""
}

func TestTwoWorkersReachTheSimulatorOverLoopbackAlone(t *testing.T) {
	t.Parallel()
	project := load(t)
	found := workers(project)
	if len(found) != 2 {
		t.Fatalf("%d workers, want 2", len(found))
	}
	for _, w := range found {
		if w.NetworkMode != "service:dokusim" {
			t.Errorf("%s: network_mode %q: the simulator is not on its loopback", w.Name, w.NetworkMode)
		}
		if env, url := setting(w, "DOKU_ENV"), setting(w, "DOKU_BASE_URL"); env != "simulator" || url != "http://127.0.0.1:9465" {
			t.Errorf("%s: DOKU_ENV %q, DOKU_BASE_URL %q", w.Name, env, url)
		}
		if !w.DependsOn["dokusim"].Restart {
			t.Errorf("%s outlives the network namespace that it lives in", w.Name)
		}
		if got, want := setting(w, "DOKU_CLIENT_ID"), setting(project.Services["dokusim"], "DOKUSIM_CLIENT_ID"); got != want || got == "" {
			t.Errorf("%s: client id %q, the simulator's %q", w.Name, got, want)
		}
	}
}

func TestNoWorkerEndsWithAnUnstoredAnswer(t *testing.T) {
	t.Parallel()
	for _, w := range workers(load(t)) {
		timeout, err := time.ParseDuration(setting(w, "DOKU_TIMEOUT"))
		if err != nil {
			t.Fatalf("%s: %v", w.Name, err)
		}
		if w.StopGracePeriod == nil || time.Duration(*w.StopGracePeriod) < timeout+20*time.Second {
			t.Errorf("%s: stop_grace_period %v, want at least %v", w.Name, w.StopGracePeriod, timeout+20*time.Second)
		}
		if w.StopSignal != "" && w.StopSignal != "SIGTERM" {
			t.Errorf("%s: stopped by %s, which is no request to drain", w.Name, w.StopSignal)
		}
	}
}

func TestHealthChecksNeedNoShell(t *testing.T) {
	t.Parallel()
	for service := range services(load(t)) {
		check := service.HealthCheck
		if check == nil {
			continue
		}
		if len(check.Test) < 2 || check.Test[0] != "CMD" {
			t.Errorf("%s: %v needs a shell", service.Name, check.Test)
		}
		if service.Build != nil && check.Test[1] != "/healthcheck" {
			t.Errorf("%s: %s is not in an image FROM scratch", service.Name, check.Test[1])
		}
	}
}

func TestWhatIsWaitedForCanBecomeHealthy(t *testing.T) {
	t.Parallel()
	project := load(t)
	for service := range services(project) {
		for name, need := range service.DependsOn {
			if need.Condition == types.ServiceConditionHealthy && project.Services[name].HealthCheck == nil {
				t.Errorf("%s waits for the health of %s, which has no check", service.Name, name)
			}
		}
	}
}

func TestServicesComeBackAndRunHardened(t *testing.T) {
	t.Parallel()
	for service := range services(load(t)) {
		if service.Restart == "" && !slices.Contains(service.Profiles, "tools") {
			t.Errorf("%s does not come back after a crash", service.Name)
		}
		if !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") || service.Privileged {
			t.Errorf("%s is not hardened", service.Name)
		}
		if service.Build == nil && !regexp.MustCompile(`:v?\d+\.\d+\.\d+(-|$)`).MatchString(service.Image) {
			t.Errorf("%s: the image %s is not pinned", service.Name, service.Image)
		}
	}
}

func TestNoSecretStandsInTheFileAndNothingOnAPublicAddress(t *testing.T) {
	t.Parallel()
	if found := regexp.MustCompile(`(?i)password|://[^/@\s]+:[^/@\s]+@`).FindString(deployed(t, "compose.yaml")); found != "" {
		t.Errorf("compose.yaml holds a secret: %s", found)
	}
	for service := range services(load(t)) {
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s to everybody", service.Name, port.Published)
			}
		}
	}
}

func TestEveryMountedFileIsThere(t *testing.T) {
	t.Parallel()
	for service := range services(load(t)) {
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if info, err := os.Stat(volume.Source); err != nil || info.IsDir() && filepath.Base(volume.Source) != "gateway" {
				t.Errorf("%s mounts %s, which is no file", service.Name, volume.Source)
			}
		}
	}
}

func TestEveryProgramLogsInAsItsOwnUser(t *testing.T) {
	t.Parallel()
	project := load(t)
	for name, user := range map[string]string{"setup": "setup", "worker-1": "worker", "worker-2": "worker", "enqueue": "operator", "refundctl": "operator", "gateway": "gateway"} {
		service := project.Services[name]
		password := setting(project.Services["nats"], "NATS_"+strings.ToUpper(user)+"_PASSWORD")
		if got, want := setting(service, "NATS_URL"), "nats://"+user+":"+password+"@nats:4222"; got != want || password == "" {
			t.Errorf("%s: NATS_URL is %s, want %s", name, got, want)
		}
		if got := setting(service, "NATS_INBOX_PREFIX"); got != "_INBOX_"+user {
			t.Errorf("%s: the inbox prefix %q is not that of %s", name, got, user)
		}
	}
}

func TestNATSGetsEveryPasswordThatItsConfigurationNames(t *testing.T) {
	t.Parallel()
	nats := load(t).Services["nats"]
	names := regexp.MustCompile(`password: \$(\w+)`).FindAllStringSubmatch(deployed(t, "nats.conf"), -1)
	if len(names) != 7 {
		t.Fatalf("nats.conf names %d passwords, want 7", len(names))
	}
	seen := map[string]bool{}
	for _, match := range names {
		value := setting(nats, match[1])
		if !regexp.MustCompile(`^p[0-9a-f]{48}$`).MatchString(value) || seen[value] {
			t.Errorf("%s is %q: want a password of its own that nats.conf reads as text", match[1], value)
		}
		seen[value] = true
	}
}

func TestPrometheusScrapesWhereTheWorkersListen(t *testing.T) {
	t.Parallel()
	var config struct {
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(deployed(t, "prometheus.yml")), &config); err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, scrape := range config.ScrapeConfigs {
		if scrape.JobName == "refund-worker" {
			targets = scrape.StaticConfigs[0].Targets
		}
	}
	var listening []string
	for _, w := range workers(load(t)) {
		port, ok := strings.CutPrefix(setting(w, "HTTP_ADDR"), "0.0.0.0:")
		if !ok {
			t.Errorf("%s listens on %s, where Prometheus does not reach it", w.Name, setting(w, "HTTP_ADDR"))
		}
		if want := "http://127.0.0.1:" + port + "/readyz"; !slices.Contains(w.HealthCheck.Test, want) {
			t.Errorf("%s: the health check asks %v, want %s", w.Name, w.HealthCheck.Test, want)
		}
		listening = append(listening, strings.TrimPrefix(w.NetworkMode, "service:")+":"+port)
	}
	slices.Sort(listening)
	if !slices.Equal(targets, listening) || len(slices.Compact(slices.Clone(listening))) != len(listening) {
		t.Errorf("scraped are %v, listening %v: want the same, each once", targets, listening)
	}
}

func TestEveryBuildTargetIsAStageThatIsNotRoot(t *testing.T) {
	t.Parallel()
	dockerfile := deployed(t, "Dockerfile")
	for service := range services(load(t)) {
		if service.Build == nil {
			continue
		}
		if !strings.Contains(dockerfile, "FROM base AS "+service.Build.Target+"\n") {
			t.Errorf("%s builds target %s, which is no stage on the common base", service.Name, service.Build.Target)
		}
	}
}
