// Package clients runs amqp091-go's own integration tests, unchanged, against the broker under test.
package clients

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	_ "github.com/rabbitmq/amqp091-go" // The module that carries the tests, at the version pinned in go.mod.
)

// recoveryTests have their connections closed over the HTTP API.
const recoveryTests = "^TestConnectionRecovery"

func TestUpstream(t *testing.T) {
	program := buildUpstream(t)
	leftOut := readLeftOut(t)
	all := regexp.MustCompile(`(?m)^(Test|Example)\w*$`).FindAllString(run(t, program, "-test.list", "."), -1)
	for name := range leftOut {
		if !slices.Contains(all, name) {
			t.Errorf("left_out.toml names %s, which is no test of amqp091-go", name)
		}
	}

	broker := startBroker(t)
	recovery := regexp.MustCompile(recoveryTests)
	var plain, recovering []string
	for _, name := range all {
		switch {
		case leftOut[name] != "":
		case recovery.MatchString(name):
			recovering = append(recovering, name)
		default:
			plain = append(plain, name)
		}
	}
	if len(plain) == 0 || len(recovering) == 0 {
		t.Fatal("amqp091-go's tests are named otherwise now")
	}
	runUpstream(t, program, broker, plain)
	runUpstream(t, program, startManagement(t, broker), recovering)
}

// buildUpstream copies the module, so that its tests can be built, and returns the test program.
func buildUpstream(t *testing.T) string {
	t.Helper()
	module := strings.TrimSpace(run(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/rabbitmq/amqp091-go"))
	dir := filepath.Join(t.TempDir(), "amqp091-go")
	if err := os.CopyFS(dir, os.DirFS(module)); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "upstream.test")
	build := exec.Command("go", "test", "-c", "-tags", "integration", "-o", program, ".")
	build.Dir = dir
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

// runUpstream runs the named tests, each of which becomes a subtest here.
func runUpstream(t *testing.T, program, broker string, names []string) {
	t.Helper()
	test2json := exec.Command("go", "tool", "test2json", program,
		"-test.v=test2json", "-test.timeout=8m", "-test.run", "^("+strings.Join(names, "|")+")$")
	test2json.Dir = filepath.Dir(program)
	test2json.Env = append(os.Environ(), "AMQP_URL=amqp://guest:guest@"+broker+"/")
	stdout, err := test2json.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := test2json.Start(); err != nil {
		t.Fatal(err)
	}
	result := map[string]string{}
	output := map[string]*strings.Builder{"": {}}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var event struct{ Action, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		name, _, isSubtest := strings.Cut(event.Test, "/")
		if output[name] == nil {
			output[name] = &strings.Builder{}
		}
		switch event.Action {
		case "output":
			output[name].WriteString(event.Output)
		case "pass", "fail":
			if !isSubtest {
				result[name] = event.Action
			}
		case "skip": // Of a subtest too: it would hide behind a test that passes.
			output[name].WriteString("skipped: " + event.Test + "\n")
			defer t.Errorf("%s was skipped", event.Test)
		}
	}
	err = test2json.Wait()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if result[name] == "pass" {
				return
			}
			if output[name] == nil {
				t.Fatal("did not run")
			}
			t.Fatal(output[name])
		})
	}
	if result[""] != "pass" {
		t.Errorf("amqp091-go's tests: %v\n%s", err, output[""])
	}
}

// readLeftOut returns why each left-out test is not run.
func readLeftOut(t *testing.T) map[string]string {
	t.Helper()
	var list map[string][]struct {
		Reason string
		Tests  []string
	}
	if _, err := toml.DecodeFile("../left_out.toml", &list); err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for _, entry := range list["amqp091-go"] {
		if entry.Reason == "" {
			t.Fatalf("left_out.toml gives no reason for %v", entry.Tests)
		}
		for _, name := range entry.Tests {
			reasons[name] = entry.Reason
		}
	}
	return reasons
}

func run(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	output, err := exec.Command(program, arguments...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", program, arguments, err)
	}
	return string(output)
}
