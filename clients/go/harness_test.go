package patwarden_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	patwarden "patwarden.example/clients/go"
	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// patience is longer than anything takes on a slow machine.
const patience = 30 * time.Second

// environment is what ../vectors/README.md describes.
type environment struct {
	Endpoint string
	Proxied  string
	TLS      struct {
		Endpoint   string
		CA         string
		ClientCert string `json:"client_cert"`
		ClientKey  string `json:"client_key"`
	}
	Redirecting string
	Silent      string
	Absent      string
	Control     string
	Keys        map[string]string
	Tokens      map[string]map[string]string
}

func harness(t testing.TB) *environment {
	t.Helper()
	file := os.Getenv("PATWARDEN_CLIENT_TESTS")
	if file == "" {
		t.Skip("NOT TESTED against a server: PATWARDEN_CLIENT_TESTS is not set, see test.sh")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var result environment
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	return &result
}

func (e *environment) secret(t testing.TB, alias string) string {
	t.Helper()
	secret := e.Tokens[alias]["secret"]
	if secret == "" {
		t.Fatalf("no token %q", alias)
	}
	return secret
}

// do posts to the control server.
func (e *environment) do(t testing.TB, action string) {
	t.Helper()
	response, err := http.Post(e.Control+action, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("%s: %s", action, response.Status)
	}
}

// fault makes a fault, and heals it when the test ends.
func (e *environment) fault(t testing.TB, place, action string) {
	t.Helper()
	t.Cleanup(func() { e.do(t, place+"/heal") })
	e.do(t, place+action)
}

var placeholder = regexp.MustCompile(`\$\{(\w+)(?:\.(\w+))?\}`)

// vectors reads ../vectors/NAME.json with what its texts stand for filled in; e may be nil for those without any.
func vectors[T any](t testing.TB, e *environment, name string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "vectors", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	filled := placeholder.ReplaceAllStringFunc(string(text), func(found string) string {
		parts := placeholder.FindStringSubmatch(found)
		field := parts[2]
		if field == "" {
			field = "secret"
		}
		value := e.Tokens[parts[1]][field]
		if value == "" {
			t.Fatalf("nothing for %s", found)
		}
		return value
	})
	var result []T
	decoder := json.NewDecoder(strings.NewReader(filled))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&result); err != nil {
		t.Fatalf("%s.json: %v", name, err)
	}
	if len(result) == 0 {
		t.Fatalf("%s.json is empty", name)
	}
	return result
}

func connect(t testing.TB, endpoint, key string, options ...patwarden.Option) *patwarden.Client {
	t.Helper()
	client, err := patwarden.New(endpoint, patwarden.Key(key), append([]patwarden.Option{patwarden.WithPlaintext()}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// patient keeps calls from failing on a slow machine.
func patient() patwarden.Option {
	return patwarden.WithDecisionTimeout(patience)
}

func within(t testing.TB, timeout time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	return ctx
}

// failure fails the test unless err is an Error.
func failure(t testing.TB, err error) *patwarden.Error {
	t.Helper()
	var result *patwarden.Error
	if !errors.As(err, &result) {
		t.Fatalf("got %v (%T), not an Error", err, err)
	}
	return result
}

func wantCode(t testing.TB, err error, code codes.Code, reason string) *patwarden.Error {
	t.Helper()
	result := failure(t, err)
	if result.Code != code || result.Reason != reason {
		t.Fatalf("got %v, want %s %s", err, code, reason)
	}
	return result
}

// eventually polls until isSo returns true.
func eventually(t testing.TB, what string, isSo func() bool) {
	t.Helper()
	for start := time.Now(); !isSo(); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("not in %s: %s", patience, what)
		}
	}
}

func reason(name string) patwardenv1.Reason {
	return patwardenv1.Reason(patwardenv1.Reason_value["REASON_"+name])
}
