package patwarden

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// decides allows resources that end with `yes`, and returns the resource as the subject.
func decides(_ context.Context, _ string, request any) (any, error) {
	decide := func(resource string) *patwardenv1.CheckResponse {
		if strings.HasSuffix(resource, "yes") {
			return &patwardenv1.CheckResponse{Allowed: true, Reason: patwardenv1.Reason_REASON_ALLOWED, TokenValid: true, Subject: resource}
		}
		return &patwardenv1.CheckResponse{Reason: patwardenv1.Reason_REASON_NOT_PERMITTED, TokenValid: true, Subject: resource}
	}
	switch request := request.(type) {
	case *patwardenv1.CheckRequest:
		return decide(request.GetResource()), nil
	case *patwardenv1.BatchCheckRequest:
		response := &patwardenv1.BatchCheckResponse{}
		for _, item := range request.GetItems() {
			response.Results = append(response.Results, &patwardenv1.BatchCheckResult{
				Result: &patwardenv1.BatchCheckResult_Decision{Decision: decide(item.GetResource())},
			})
		}
		return response, nil
	}
	return nil, status.Error(codes.Unimplemented, "")
}

// held is a fake that answers nothing until it is released.
type held struct {
	*fake
	client  *Client
	release func()
	group   sync.WaitGroup
	wrong   atomic.Int64
}

func startHeld(t *testing.T) *held {
	gate := make(chan struct{})
	f := startFake(t, func(ctx context.Context, method string, request any) (any, error) {
		select {
		case <-gate:
			return decides(ctx, method, request)
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	})
	h := &held{fake: f, client: f.connect(t), release: sync.OnceFunc(func() { close(gate) })}
	h.client.coalescer.slowCall = time.Hour
	t.Cleanup(h.release)
	return h
}

// ask makes checks in the background, and fails the test for wrong answers.
func (h *held) ask(count int, options ...CheckOption) {
	for i := range count {
		h.group.Go(func() {
			resource := fmt.Sprintf("document:%d-%s", i, []string{"yes", "no"}[i%2])
			decision, err := h.client.Check(context.Background(), aToken, resource, "viewer", options...)
			if err != nil || decision.Subject != resource || decision.Allowed != (i%2 == 0) {
				h.wrong.Add(1)
			}
		})
	}
}

// fill occupies all calls that there may be.
func (h *held) fill(t *testing.T) {
	t.Helper()
	for n := range maxCalls {
		h.ask(1)
		eventually(t, "a call is running", func() bool { return len(h.calls()) == n+1 })
	}
}

func (h *held) waitFor(t *testing.T, count int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d wait", count), func() bool {
		h.client.coalescer.mu.Lock()
		defer h.client.coalescer.mu.Unlock()
		return len(h.client.coalescer.waiting) == count
	})
}

func (h *held) finish(t *testing.T) {
	t.Helper()
	h.release()
	h.group.Wait()
	if wrong := h.wrong.Load(); wrong > 0 {
		t.Errorf("%d wrong answers", wrong)
	}
}

func (h *held) batchSizes() []int {
	var sizes []int
	for _, call := range h.calls() {
		if batch, ok := call.request.(*patwardenv1.BatchCheckRequest); ok {
			sizes = append(sizes, len(batch.GetItems()))
		}
	}
	return sizes
}

func TestALoneCheckGoesAsCheck(t *testing.T) {
	f := startFake(t, decides)
	client := f.connect(t)
	for range 3 {
		if decision, err := client.Check(t.Context(), aToken, "document:yes", "viewer"); err != nil || !decision.Allowed {
			t.Fatal(decision, err)
		}
	}
	for _, call := range f.calls() {
		if call.method != "Check" {
			t.Errorf("went as %s", call.method)
		}
	}
}

func TestChecksGatherWhileCallsAreUnderWay(t *testing.T) {
	h := startHeld(t)
	h.fill(t)
	h.ask(20)
	h.waitFor(t, 20)
	if calls := len(h.calls()); calls != maxCalls {
		t.Errorf("%d calls are running", calls)
	}
	h.finish(t)
	if sizes := h.batchSizes(); len(sizes) != 1 || sizes[0] != 20 {
		t.Errorf("batches of %v", sizes)
	}
}

func TestBatchesAreSplitByCount(t *testing.T) {
	h := startHeld(t)
	h.fill(t)
	h.ask(1100)
	h.waitFor(t, 1100)
	h.finish(t)
	sum := 0
	for _, size := range h.batchSizes() {
		sum += size
		if size > 500 {
			t.Errorf("a batch of %d", size)
		}
	}
	if sizes := h.batchSizes(); sum != 1100 || len(sizes) != 3 {
		t.Errorf("batches of %v", sizes)
	}
}

func TestBatchesAreSplitBySize(t *testing.T) {
	h := startHeld(t)
	h.fill(t)
	h.ask(300, UsageID(strings.Repeat("x", 2_000)))
	h.waitFor(t, 300)
	h.finish(t)
	for _, call := range h.calls() {
		if size := proto.Size(call.request.(proto.Message)); size > 200<<10 {
			t.Errorf("a call of %d bytes", size)
		}
	}
	if sizes := h.batchSizes(); len(sizes) < 3 || len(sizes) > 4 {
		t.Errorf("batches of %v", sizes)
	}
}

func TestWhatIsTooLargeForABatchGoesAlone(t *testing.T) {
	h := startHeld(t)
	h.fill(t)
	h.ask(1, UsageID(strings.Repeat("x", maxBatchBytes)))
	h.waitFor(t, 1)
	h.ask(2)
	h.waitFor(t, 3)
	h.finish(t)
	if sizes := h.batchSizes(); len(sizes) != 1 || sizes[0] != 2 {
		t.Errorf("batches of %v", sizes)
	}
}

func TestEachKeepsItsOwnQuestion(t *testing.T) {
	h := startHeld(t)
	h.fill(t)
	h.ask(1, ClientIP("192.0.2.1"), HigherConsistency())
	h.waitFor(t, 1)
	h.ask(1, UsageUnits(0), UsageID("u"))
	h.waitFor(t, 2)
	h.ask(1)
	h.waitFor(t, 3)
	h.finish(t)
	last := h.calls()[maxCalls].request.(*patwardenv1.BatchCheckRequest)
	first, second, third := last.GetItems()[0], last.GetItems()[1], last.GetItems()[2]
	if first.GetContext().GetClientIp() != "192.0.2.1" || first.GetConsistency() != patwardenv1.Consistency_CONSISTENCY_HIGHER_CONSISTENCY {
		t.Error(first)
	}
	units := second.GetContext().UsageUnits
	if units == nil || *units != 0 || second.GetContext().GetUsageId() != "u" || second.GetConsistency() != 0 {
		t.Error(second)
	}
	if third.GetContext() != nil || third.GetConsistency() != 0 {
		t.Error(third)
	}
	if last.GetToken() != "" || last.GetContext() != nil || last.GetConsistency() != 0 {
		t.Error("the batch has defaults")
	}
}

func TestADeadlineEndsTheWaitOfItsOwnCheckOnly(t *testing.T) {
	h := startHeld(t)
	h.fill(t)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	short := make(chan error, 1)
	go func() {
		_, err := h.client.Check(ctx, aToken, "document:short", "viewer")
		short <- err
	}()
	h.ask(1)
	err := <-short
	var known *Error
	if !errors.As(err, &known) || known.Code != codes.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	h.finish(t)
}

func TestWhoHasGivenUpIsNotAskedFor(t *testing.T) {
	h := startHeld(t)
	h.fill(t)
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan error, 1)
	go func() {
		_, err := h.client.Check(ctx, aToken, "document:gone", "viewer")
		gone <- err
	}()
	h.waitFor(t, 1)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	h.ask(2)
	h.waitFor(t, 3)
	h.finish(t)
	if sizes := h.batchSizes(); len(sizes) != 1 || sizes[0] != 2 {
		t.Errorf("batches of %v", sizes)
	}
}

// startBatch starts a batch at a fake that answers everything else, and returns the context of its call.
func startBatch(t *testing.T, contexts ...context.Context) (server context.Context, errs []chan error, release func()) {
	t.Helper()
	gate, opened := make(chan struct{}), make(chan struct{})
	arrived := make(chan context.Context, 1)
	f := startFake(t, func(ctx context.Context, method string, request any) (any, error) {
		if method != "BatchCheck" {
			<-opened
			return decides(ctx, method, request)
		}
		arrived <- ctx
		select {
		case <-gate:
			return decides(ctx, method, request)
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	})
	h := &held{fake: f, client: f.connect(t)}
	h.client.coalescer.slowCall = time.Hour
	h.fill(t)
	for i, ctx := range contexts {
		err := make(chan error, 1)
		errs = append(errs, err)
		go func() {
			_, failed := h.client.Check(ctx, aToken, "document:yes", "viewer")
			err <- failed
		}()
		h.waitFor(t, i+1)
	}
	close(opened)
	return <-arrived, errs, sync.OnceFunc(func() { close(gate) })
}

func TestCancellationEndsOneCheckOfABatchOnly(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, errs, release := startBatch(t, ctx, context.Background())
	cancel()
	if err := <-errs[0]; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	release()
	if err := <-errs[1]; err != nil {
		t.Error(err)
	}
}

func TestABatchForWhichNobodyWaitsIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	server, errs, _ := startBatch(t, ctx, ctx)
	cancel()
	<-errs[0]
	<-errs[1]
	select {
	case <-server.Done():
	case <-time.After(patience):
		t.Error("the call goes on")
	}
}

func TestABatchHasTheLatestDeadline(t *testing.T) {
	near, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	far, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	server, errs, release := startBatch(t, far, near)
	deadline, ok := server.Deadline()
	if left := time.Until(deadline); !ok || left < 50*time.Minute || left > time.Hour {
		t.Errorf("%s are left", left)
	}
	release()
	if err := errors.Join(<-errs[0], <-errs[1]); err != nil {
		t.Error(err)
	}
}

func TestASlowCallDoesNotHoldUpOthers(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	f := startFake(t, func(ctx context.Context, method string, request any) (any, error) {
		if request, ok := request.(*patwardenv1.CheckRequest); ok && strings.HasSuffix(request.GetResource(), "slow") {
			select {
			case <-gate:
			case <-ctx.Done():
			}
		}
		return decides(ctx, method, request)
	})
	client := f.connect(t)
	client.coalescer.slowCall = 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	var group sync.WaitGroup
	for n := range maxCalls {
		group.Go(func() { _, _ = client.Check(ctx, aToken, "document:slow", "viewer") })
		eventually(t, "a call is running", func() bool { return len(f.calls()) == n+1 })
	}
	if decision, err := client.Check(t.Context(), aToken, "document:yes", "viewer"); err != nil || !decision.Allowed {
		t.Error(decision, err)
	}
	cancel()
	group.Wait()
	// Nothing is left behind.
	eventually(t, "no sender", func() bool {
		client.coalescer.mu.Lock()
		defer client.coalescer.mu.Unlock()
		return client.coalescer.senders == 0
	})
}

func TestWhatABatchCannotAnswerGoesAlone(t *testing.T) {
	f := startFake(t, decides)
	client := f.connect(t)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { _, _ = client.Check(t.Context(), aToken, "document:yes", "viewer", Claims("*")) })
		group.Go(func() {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "one")
			_, _ = client.Check(ctx, aToken, "document:yes", "viewer")
		})
	}
	group.Wait()
	if calls := f.calls(); len(calls) != 100 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestCoalescingCanBeSwitchedOff(t *testing.T) {
	f := startFake(t, decides)
	client := f.connect(t, WithoutCoalescing())
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() { _, _ = client.Check(t.Context(), aToken, "document:yes", "viewer") })
	}
	group.Wait()
	if calls := f.calls(); len(calls) != 100 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestAMalformedSecretIsAnsweredWithoutACall(t *testing.T) {
	f := startFake(t, decides)
	client := f.connect(t)
	decision, err := client.Check(t.Context(), aToken[:50], "document:yes", "viewer")
	want := Decision{Reason: patwardenv1.Reason_REASON_TOKEN_MALFORMED}
	if err != nil || decision.Allowed || decision.TokenValid || decision.Reason != want.Reason {
		t.Error(decision, err)
	}
	if calls := f.calls(); len(calls) != 0 {
		t.Errorf("%d calls", len(calls))
	}
}

// batchOf makes two checks of one batch that is answered with these results, and returns what they got.
func batchOf(t *testing.T, results ...*patwardenv1.BatchCheckResult) (decisions []Decision, errs []error) {
	t.Helper()
	opened := make(chan struct{})
	f := startFake(t, func(ctx context.Context, method string, request any) (any, error) {
		if method == "BatchCheck" {
			return &patwardenv1.BatchCheckResponse{Results: results}, nil
		}
		<-opened
		return decides(ctx, method, request)
	})
	h := &held{fake: f, client: f.connect(t)}
	h.client.coalescer.slowCall = time.Hour
	h.fill(t)
	decisions, errs = make([]Decision, 2), make([]error, 2)
	var group sync.WaitGroup
	for i := range 2 {
		group.Go(func() { decisions[i], errs[i] = h.client.Check(t.Context(), aToken, "document:yes", "viewer") })
		h.waitFor(t, i+1)
	}
	close(opened)
	group.Wait()
	return decisions, errs
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

func TestAnErrorOfOneItemIsThatOfItsCheck(t *testing.T) {
	decisions, errs := batchOf(t, failing(codes.InvalidArgument, "UNKNOWN_TYPE"), allowed())
	var known *Error
	if !errors.As(errs[0], &known) || known.Code != codes.InvalidArgument || known.Reason != "UNKNOWN_TYPE" || decisions[0].Allowed {
		t.Error(decisions[0], errs[0])
	}
	if errs[1] != nil || !decisions[1].Allowed {
		t.Error(decisions[1], errs[1])
	}
}

func TestNoBrokenReplyIsAnAnswer(t *testing.T) {
	empty := &patwardenv1.BatchCheckResult{}
	noError := &patwardenv1.BatchCheckResult{Result: &patwardenv1.BatchCheckResult_Error{}}
	noDecision := &patwardenv1.BatchCheckResult{Result: &patwardenv1.BatchCheckResult_Decision{}}
	for name, results := range map[string][]*patwardenv1.BatchCheckResult{
		"none":              {},
		"too few":           {allowed()},
		"too many":          {allowed(), allowed(), allowed()},
		"empty":             {empty, empty},
		"an error of OK":    {failing(codes.OK, ""), failing(codes.OK, "")},
		"an empty error":    {noError, noError},
		"an empty decision": {noDecision, noDecision},
	} {
		t.Run(name, func(t *testing.T) {
			decisions, errs := batchOf(t, results...)
			for i := range decisions {
				if decisions[i].Allowed {
					t.Error("allowed")
				}
				var known *Error
				if !errors.As(errs[i], &known) || known.Code == codes.OK {
					t.Error(errs[i])
				}
			}
		})
	}
}

func TestAnItemThatIsUnavailableIsAskedAgain(t *testing.T) {
	opened := make(chan struct{})
	var batches atomic.Int64
	f := startFake(t, func(ctx context.Context, method string, request any) (any, error) {
		if method == "BatchCheck" && batches.Add(1) == 1 {
			return &patwardenv1.BatchCheckResponse{Results: []*patwardenv1.BatchCheckResult{
				failing(codes.Unavailable, "OPENFGA_UNAVAILABLE"), allowed(), failing(codes.Unavailable, "OPENFGA_UNAVAILABLE"),
			}}, nil
		}
		<-opened
		return decides(ctx, method, request)
	})
	h := &held{fake: f, client: f.connect(t)}
	h.client.coalescer.slowCall = time.Hour
	h.fill(t)
	h.ask(1)
	h.waitFor(t, 1)
	var group sync.WaitGroup
	group.Go(func() { _, _ = h.client.Check(t.Context(), aToken, "document:no", "viewer") })
	h.waitFor(t, 2)
	h.ask(1)
	h.waitFor(t, 3)
	close(opened)
	group.Wait()
	h.group.Wait()
	if h.wrong.Load() > 0 {
		t.Error("an item that was unavailable once has no answer")
	}
}
