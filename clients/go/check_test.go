package patwarden

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// decides allows resources that end with `yes`, and returns the resource as the subject.
func decides(_ context.Context, _ string, request any) (any, error) {
	check, ok := request.(*patwardenv1.CheckRequest)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "")
	}
	resource := check.GetResource()
	if strings.HasSuffix(resource, "yes") {
		return &patwardenv1.CheckResponse{Allowed: true, Reason: patwardenv1.Reason_REASON_ALLOWED, TokenValid: true, Subject: resource}, nil
	}
	return &patwardenv1.CheckResponse{Reason: patwardenv1.Reason_REASON_NOT_PERMITTED, TokenValid: true, Subject: resource}, nil
}

func TestEachCheckIsACall(t *testing.T) {
	f := startFake(t, decides)
	client := f.connect(t)
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if decision, err := client.Check(t.Context(), aToken, "document:yes", "viewer"); err != nil || !decision.Allowed {
				t.Error(decision, err)
			}
		})
	}
	group.Wait()
	calls := f.calls()
	if len(calls) != 100 {
		t.Errorf("%d calls", len(calls))
	}
	for _, call := range calls {
		if call.method != "Check" {
			t.Errorf("went as %s", call.method)
		}
	}
}

func TestTheQuestionOfACheck(t *testing.T) {
	f := startFake(t, decides)
	_, err := f.connect(t).Check(t.Context(), aToken, "document:yes", "viewer",
		ClientIP("192.0.2.1"), HigherConsistency(), UsageUnits(0), UsageID("u"), Claims("*"))
	if err != nil {
		t.Fatal(err)
	}
	sent := f.calls()[0].request.(*patwardenv1.CheckRequest)
	if sent.GetToken() != aToken || sent.GetResource() != "document:yes" || sent.GetAction() != "viewer" ||
		sent.GetConsistency() != patwardenv1.Consistency_CONSISTENCY_HIGHER_CONSISTENCY || len(sent.GetClaims()) != 1 {
		t.Error(sent)
	}
	about := sent.GetContext()
	if about.GetClientIp() != "192.0.2.1" || about.UsageUnits == nil || *about.UsageUnits != 0 || about.GetUsageId() != "u" {
		t.Error(about)
	}
}

func TestACallerThatGivesUpEndsItsOwnCallOnly(t *testing.T) {
	gate, arrived, ended := make(chan struct{}), make(chan struct{}, 2), make(chan struct{}, 2)
	f := startFake(t, func(ctx context.Context, method string, request any) (any, error) {
		arrived <- struct{}{}
		select {
		case <-gate:
			return decides(ctx, method, request)
		case <-ctx.Done():
			ended <- struct{}{}
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	})
	client := f.connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone, stays := make(chan error, 1), make(chan error, 1)
	ask := func(ctx context.Context, answer chan error) {
		_, err := client.Check(ctx, aToken, "document:yes", "viewer")
		answer <- err
	}
	go ask(ctx, gone)
	go ask(t.Context(), stays)
	<-arrived
	<-arrived
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the call goes on")
	}
	close(gate)
	if err := <-stays; err != nil {
		t.Error(err)
	}
}

func TestAMalformedSecretIsAnsweredWithoutACall(t *testing.T) {
	f := startFake(t, decides)
	client := f.connect(t)
	decision, err := client.Check(t.Context(), aToken[:50], "document:yes", "viewer")
	if err != nil || decision.Allowed || decision.TokenValid || decision.Reason != patwardenv1.Reason_REASON_TOKEN_MALFORMED {
		t.Error(decision, err)
	}
	if calls := f.calls(); len(calls) != 0 {
		t.Errorf("%d calls", len(calls))
	}
}

// batchOf makes a batch of two items that is answered with these results.
func batchOf(t *testing.T, results ...*patwardenv1.BatchCheckResult) ([]CheckResult, error) {
	t.Helper()
	f := startFake(t, func(context.Context, string, any) (any, error) {
		return &patwardenv1.BatchCheckResponse{Results: results}, nil
	})
	item := &patwardenv1.BatchCheckItem{Token: aToken, Resource: "document:yes", Action: "viewer"}
	return f.connect(t).BatchCheck(t.Context(), item, item)
}

func allowed() *patwardenv1.BatchCheckResult {
	return &patwardenv1.BatchCheckResult{Result: &patwardenv1.BatchCheckResult_Decision{
		Decision: &patwardenv1.CheckResponse{Allowed: true, TokenValid: true, Reason: patwardenv1.Reason_REASON_ALLOWED},
	}}
}

func failing(code codes.Code, reason string) *patwardenv1.BatchCheckResult {
	return &patwardenv1.BatchCheckResult{Result: &patwardenv1.BatchCheckResult_Error{
		Error: &patwardenv1.CheckError{Code: int32(code), Reason: reason, Message: "no"},
	}}
}

func TestAnErrorOfOneItemIsItsOwn(t *testing.T) {
	results, err := batchOf(t, failing(codes.InvalidArgument, "UNKNOWN_TYPE"), allowed())
	if err != nil {
		t.Fatal(err)
	}
	known := as(t, results[0].Err)
	if known.Code != codes.InvalidArgument || known.Reason != "UNKNOWN_TYPE" || results[0].Decision.Allowed {
		t.Error(results[0])
	}
	if results[1].Err != nil || !results[1].Decision.Allowed {
		t.Error(results[1])
	}
}

func TestNoBrokenReplyIsAnAnswer(t *testing.T) {
	empty := &patwardenv1.BatchCheckResult{}
	noError := &patwardenv1.BatchCheckResult{Result: &patwardenv1.BatchCheckResult_Error{}}
	noDecision := &patwardenv1.BatchCheckResult{Result: &patwardenv1.BatchCheckResult_Decision{}}
	for name, reply := range map[string]struct {
		results []*patwardenv1.BatchCheckResult
		code    codes.Code
	}{
		"empty":             {[]*patwardenv1.BatchCheckResult{empty, empty}, codes.Internal},
		"an error of OK":    {[]*patwardenv1.BatchCheckResult{failing(codes.OK, ""), failing(codes.OK, "")}, codes.Unknown},
		"an empty error":    {[]*patwardenv1.BatchCheckResult{noError, noError}, codes.Unknown},
		"an empty decision": {[]*patwardenv1.BatchCheckResult{noDecision, noDecision}, codes.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			results, err := batchOf(t, reply.results...)
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range results {
				if known := as(t, result.Err); known.Code != reply.code || result.Decision.Allowed {
					t.Error(result)
				}
			}
		})
	}
}

func TestNoReplyOfAnotherLengthIsAnAnswer(t *testing.T) {
	for _, replied := range [][]*patwardenv1.BatchCheckResult{{}, {allowed()}, {allowed(), allowed(), allowed()}} {
		results, err := batchOf(t, replied...)
		if known := as(t, err); known.Code != codes.Internal || results != nil {
			t.Error(results, err)
		}
	}
}
