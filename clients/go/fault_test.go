package patwarden_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	patwarden "patwarden.example/clients/go"
	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// undecided makes every kind of call, and fails the test unless all end with an Error.
func undecided(t *testing.T, endpoint string, e *environment, timeout time.Duration) []*patwarden.Error {
	t.Helper()
	var found []*patwarden.Error
	client := connect(t, endpoint, e.Keys["checker"], patwarden.WithDecisionTimeout(timeout))
	errs := make([]error, 10)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			var decision patwarden.Decision
			decision, errs[i] = client.Check(context.Background(), e.secret(t, "alice"), "document:roadmap", "viewer")
			if decision.Allowed {
				t.Error("allowed without an answer")
			}
		})
	}
	group.Wait()
	for resource, err := range client.ListResources(within(t, timeout), e.secret(t, "alice"), "document", "viewer").All() {
		if err == nil {
			t.Error("a resource without an answer: " + resource)
		}
		errs = append(errs, err)
	}
	_, err := client.Introspect(context.Background(), e.secret(t, "alice"))
	for _, err := range append(errs, err) {
		found = append(found, failure(t, err))
	}
	return found
}

func TestNobodyThere(t *testing.T) {
	e := harness(t)
	for _, err := range undecided(t, e.Absent, e, patience) {
		wantCode(t, err, codes.Unavailable, "")
	}
}

func TestASilentServer(t *testing.T) {
	e := harness(t)
	for _, err := range undecided(t, e.Silent, e, 300*time.Millisecond) {
		if wantCode(t, err, codes.DeadlineExceeded, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
}

func TestADefaultDeadline(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Silent, e.Keys["checker"])
	start := time.Now()
	_, err := client.Check(context.Background(), e.secret(t, "alice"), "document:roadmap", "viewer")
	wantCode(t, err, codes.DeadlineExceeded, "")
	if took := time.Since(start); took < 900*time.Millisecond {
		t.Errorf("gave up after %s", took)
	}
}

func TestARedirect(t *testing.T) {
	e := harness(t)
	for _, err := range undecided(t, e.Redirecting, e, patience) {
		if err.Code == codes.OK {
			t.Error(err)
		}
	}
	response, err := http.Get(e.Control + "/redirecting/followed")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if followed, _ := io.ReadAll(response.Body); string(followed) != "0" {
		t.Errorf("followed %s times, with the key", followed)
	}
}

func TestAStalledConnection(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Proxied, e.Keys["checker"], patient())
	ask := func(ctx context.Context) (patwarden.Decision, error) {
		return client.Check(ctx, e.secret(t, "alice"), "document:roadmap", "viewer")
	}
	if decision, err := ask(t.Context()); err != nil || !decision.Allowed {
		t.Fatal(decision, err)
	}
	e.fault(t, "/server", "/stall")
	_, err := ask(within(t, 200*time.Millisecond))
	wantCode(t, err, codes.DeadlineExceeded, "")
	e.do(t, "/server/heal")
	eventually(t, "the client is connected again", func() bool {
		decision, err := ask(t.Context())
		return err == nil && decision.Allowed
	})
}

func TestOversizedRequestsAreNoAnswers(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"], patient())
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			if i == 0 {
				_, err := client.Check(t.Context(), e.secret(t, "alice"), "document:"+strings.Repeat("x", 300<<10), "viewer")
				if failure(t, err).Code != codes.ResourceExhausted {
					t.Error(err)
				}
				return
			}
			decision, err := client.Check(t.Context(), e.secret(t, "alice"), "document:roadmap", "viewer")
			if err != nil || !decision.Allowed {
				t.Error("the others are not to suffer:", decision, err)
			}
		})
	}
	group.Wait()
	items := make([]*patwardenv1.BatchCheckItem, 501)
	for i := range items {
		items[i] = &patwardenv1.BatchCheckItem{Token: e.secret(t, "alice"), Resource: "document:roadmap", Action: "viewer"}
	}
	_, err := client.BatchCheck(t.Context(), items...)
	wantCode(t, err, codes.InvalidArgument, "INVALID_FIELD")
	if results, err := client.BatchCheck(t.Context(), items[1:]...); err != nil || len(results) != 500 || !results[499].Decision.Allowed {
		t.Error(len(results), err)
	}
}

func TestARestartUnderLoad(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"], patient())
	questions := []struct {
		resource string
		allowed  bool
	}{{"document:roadmap", true}, {"document:payroll", false}}
	var answered, failed atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				question := questions[i%2]
				decision, err := client.Check(context.Background(), e.secret(t, "alice"), question.resource, "viewer")
				if err == nil {
					answered.Add(1)
					if decision.Allowed != question.allowed || !decision.TokenValid {
						t.Errorf("%s: %+v", question.resource, decision)
					}
					continue
				}
				failed.Add(1)
				var known *patwarden.Error
				if !errors.As(err, &known) || known.Code != codes.Unavailable {
					t.Error(err)
				}
				time.Sleep(10 * time.Millisecond) // as anybody would
			}
		})
	}
	eventually(t, "answers", func() bool { return answered.Load() > 100 })
	e.do(t, "/restart")
	before := answered.Load()
	eventually(t, "answers after the restart", func() bool { return answered.Load() > before+1000 })
	close(stop)
	group.Wait()
	t.Logf("%d answered, %d failed", answered.Load(), failed.Load())
}

func TestWithoutOpenFGA(t *testing.T) {
	e := harness(t)
	for action, want := range map[string]struct {
		code   codes.Code
		reason string
	}{
		"/cut":   {codes.Unavailable, "OPENFGA_UNAVAILABLE"},
		"/stall": {codes.DeadlineExceeded, "DEADLINE_EXCEEDED"},
	} {
		t.Run(action, func(t *testing.T) {
			e.fault(t, "/openfga", action)
			client := connect(t, e.Endpoint, e.Keys["checker"], patient())
			var group sync.WaitGroup
			for i := range 20 {
				group.Go(func() {
					if i == 0 {
						// A decision that needs no OpenFGA is made.
						decision, err := client.Check(context.Background(), e.secret(t, "alice_reader"), "document:roadmap", "editor")
						if err != nil || decision.Reason != reason("NOT_GRANTED") {
							t.Error(decision, err)
						}
						return
					}
					decision, err := client.Check(context.Background(), e.secret(t, "alice"), "document:roadmap", "viewer")
					if decision.Allowed {
						t.Error("allowed")
					}
					var known *patwarden.Error
					if !errors.As(err, &known) || known.Code != want.code || known.Reason != want.reason {
						t.Error(decision, err)
					}
				})
			}
			group.Wait()
			results, err := client.BatchCheck(context.Background(),
				&patwardenv1.BatchCheckItem{Token: e.secret(t, "alice"), Resource: "document:roadmap", Action: "viewer"},
				&patwardenv1.BatchCheckItem{Token: e.secret(t, "revoked"), Resource: "document:roadmap", Action: "viewer"})
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, results[0].Err, want.code, want.reason)
			if results[0].Decision.Allowed || results[1].Err != nil || results[1].Decision.Reason != reason("TOKEN_REVOKED") {
				t.Errorf("%+v", results)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	e := harness(t)
	authority, err := os.ReadFile(e.TLS.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		t.Fatal("no authority")
	}
	certificate, err := tls.LoadX509KeyPair(e.TLS.ClientCert, e.TLS.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(options ...patwarden.Option) (patwarden.Decision, error) {
		client, err := patwarden.New(e.TLS.Endpoint, patwarden.Key(e.Keys["checker"]), append(options, patient())...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		return client.Check(t.Context(), e.secret(t, "alice"), "document:roadmap", "viewer")
	}
	decision, err := ask(patwarden.WithTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}))
	if err != nil || !decision.Allowed {
		t.Error(decision, err)
	}
	for name, options := range map[string][]patwarden.Option{
		"without the client's certificate": {patwarden.WithTLS(&tls.Config{RootCAs: roots})},
		"with the system's authorities":    {},
		"in plaintext":                     {patwarden.WithPlaintext()},
		"by another name": {patwarden.WithTLS(&tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{certificate}, ServerName: "patwarden.example.com",
		})},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(options...)
			wantCode(t, err, codes.Unavailable, "")
		})
	}
}

func TestTokensFromBeginningToEnd(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["admin"], patient(), patwarden.WithTimeout(patience))
	const subject = "user:go-client"
	var ids []string
	for range 3 {
		created, err := client.Tokens.CreateToken(t.Context(), &patwardenv1.CreateTokenRequest{
			Subject: subject, Name: "laptop", Grant: &patwardenv1.Grant{Full: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := patwarden.ParseSecret(patwarden.DefaultBrand, created.GetSecret()); err != nil || info.Kind != patwarden.KindUser {
			t.Error(info, err)
		}
		described, err := client.Introspect(t.Context(), created.GetSecret())
		if err != nil || !described.GetActive() || described.GetToken().GetSubject() != subject {
			t.Error(described, err)
		}
		ids = append([]string{created.GetToken().GetId()}, ids...)
	}
	var listed []string
	request := &patwardenv1.ListTokensRequest{Subject: subject, PageSize: 2, States: []patwardenv1.Token_State{patwardenv1.Token_STATE_ACTIVE}}
	for token, err := range client.AllTokens(t.Context(), request) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, token.GetId())
	}
	if strings.Join(listed, " ") != strings.Join(ids, " ") {
		t.Errorf("listed %v, want %v", listed, ids)
	}
	revoked, err := client.Tokens.RevokeTokens(t.Context(), &patwardenv1.RevokeTokensRequest{
		Target: &patwardenv1.RevokeTokensRequest_Subject{Subject: subject},
	})
	if err != nil || revoked.GetCount() != 3 {
		t.Error(revoked, err)
	}
	var actions []string
	for event, err := range client.AllAuditEvents(t.Context(), &patwardenv1.ListAuditEventsRequest{Subject: subject, PageSize: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		actions = append(actions, event.GetAction())
	}
	if len(actions) < 6 || actions[len(actions)-1] != "token.created" {
		t.Error(actions)
	}
	for _, err := range client.AllUsage(t.Context(), &patwardenv1.QueryUsageRequest{
		Subject: "user:alice", PageSize: 1, GroupBy: []patwardenv1.Dimension{patwardenv1.Dimension_DIMENSION_REASON},
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
}
