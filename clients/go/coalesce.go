package patwarden

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

const (
	maxBatchItems = 500
	// Below the 256 KiB that the server accepts.
	maxBatchBytes = 200 << 10
	maxCalls      = 4
	// The tag and length of an item.
	itemOverhead = 4
	// A call that takes longer no longer counts towards maxCalls: its answer may be lost, and other checks must not
	// wait for it.
	slowCall = 500 * time.Millisecond
)

// coalescer sends checks that wait at the same time as one BatchCheck. Nothing waits for a timer: the first check is
// sent at once, and checks that come while calls are running wait for the next one.
type coalescer struct {
	client   patwardenv1.AuthorizationServiceClient
	retries  *retries
	slowCall time.Duration

	mu      sync.Mutex
	waiting []*waiter
	senders int
}

// waiter is a check that waits for its answer.
type waiter struct {
	ctx     context.Context
	request *patwardenv1.CheckRequest
	size    int
	answer  chan answer // buffers one
	batch   *batch      // nil until it is sent; guarded by coalescer.mu
}

type answer struct {
	response *patwardenv1.CheckResponse
	err      error
	// Whether the check may be retried.
	repeat bool
}

// batch is a call with several waiters. It is cancelled when none waits any more.
type batch struct {
	remaining int // guarded by coalescer.mu
	cancel    context.CancelFunc
}

func newCoalescer(client patwardenv1.AuthorizationServiceClient, retries *retries) *coalescer {
	return &coalescer{client: client, retries: retries, slowCall: slowCall}
}

// mayTravel returns false for a check that a batch cannot answer, and for one with metadata of its caller.
func mayTravel(ctx context.Context, request *patwardenv1.CheckRequest) bool {
	_, hasMetadata := metadata.FromOutgoingContext(ctx)
	return !hasMetadata && len(request.GetClaims()) == 0
}

// check sends a request that may be part of a batch; ctx must have a deadline.
func (c *coalescer) check(ctx context.Context, request *patwardenv1.CheckRequest) (*patwardenv1.CheckResponse, error) {
	for attempt := 1; ; attempt++ {
		result := c.ask(ctx, request)
		if !result.repeat || !wait(ctx, attempt, result.err) {
			return result.response, result.err
		}
	}
}

func (c *coalescer) ask(ctx context.Context, request *patwardenv1.CheckRequest) answer {
	self := &waiter{ctx: ctx, request: request, size: proto.Size(request) + itemOverhead, answer: make(chan answer, 1)}
	c.mu.Lock()
	c.waiting = append(c.waiting, self)
	if c.senders < maxCalls {
		c.senders++
		go c.send()
	}
	c.mu.Unlock()
	select {
	case result := <-self.answer:
		return result
	case <-ctx.Done():
		c.leave(self)
		return answer{err: errorOfContext(ctx)}
	}
}

// leave cancels the call of a waiter if it was the last one.
func (c *coalescer) leave(waiter *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiter.batch == nil {
		return
	}
	waiter.batch.remaining--
	if waiter.batch.remaining == 0 {
		waiter.batch.cancel()
	}
}

// send makes one call after the other until no check waits.
func (c *coalescer) send() {
	for {
		// Lets goroutines that are about to check do so first.
		runtime.Gosched()
		ctx, waiters := c.take()
		if len(waiters) == 0 {
			return
		}
		slow := time.AfterFunc(c.slowCall, c.send)
		c.call(ctx, waiters)
		if !slow.Stop() {
			return // the timer has started another sender
		}
	}
}

// take returns the waiters of the next call, and its context. If there are none, the sender ends.
func (c *coalescer) take() (context.Context, []*waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = slices.DeleteFunc(c.waiting, func(waiter *waiter) bool { return waiter.ctx.Err() != nil })
	count, bytes := 0, 0
	for count < min(len(c.waiting), maxBatchItems) {
		bytes += c.waiting[count].size
		if count > 0 && bytes > maxBatchBytes {
			break
		}
		count++
	}
	waiters := slices.Clone(c.waiting[:count])
	c.waiting = slices.Delete(c.waiting, 0, count)
	switch count {
	case 0:
		c.senders--
		return nil, nil
	case 1:
		return waiters[0].ctx, waiters
	}
	var last time.Time
	for _, waiter := range waiters {
		if deadline, _ := waiter.ctx.Deadline(); deadline.After(last) {
			last = deadline
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), last)
	shared := &batch{remaining: count, cancel: cancel}
	for _, waiter := range waiters {
		waiter.batch = shared
	}
	return ctx, waiters
}

func (c *coalescer) call(ctx context.Context, waiters []*waiter) {
	if len(waiters) == 1 {
		response, err := c.client.Check(ctx, waiters[0].request)
		waiters[0].answer <- answer{response: response, err: err}
		return
	}
	defer waiters[0].batch.cancel()
	items := make([]*patwardenv1.BatchCheckItem, len(waiters))
	for i, waiter := range waiters {
		items[i] = &patwardenv1.BatchCheckItem{
			Token:       waiter.request.GetToken(),
			Resource:    waiter.request.GetResource(),
			Action:      waiter.request.GetAction(),
			Context:     waiter.request.GetContext(),
			Consistency: waiter.request.GetConsistency(),
		}
	}
	response, err := c.client.BatchCheck(ctx, &patwardenv1.BatchCheckRequest{Items: items})
	if err == nil && len(response.GetResults()) != len(items) {
		err = errOtherLength(len(response.GetResults()), len(items))
	}
	if err != nil {
		for _, waiter := range waiters {
			waiter.answer <- answer{err: err}
		}
		return
	}
	answers := make([]answer, len(waiters))
	unavailable := false
	for i, result := range response.GetResults() {
		answers[i].response, answers[i].err = resultOf(result)
		answers[i].repeat = isUnavailable(answers[i].err)
		unavailable = unavailable || answers[i].repeat
	}
	// It counts as one failure, because it is one call.
	mayRepeat := unavailable && c.retries.failed()
	for i, waiter := range waiters {
		answers[i].repeat = answers[i].repeat && mayRepeat
		waiter.answer <- answers[i]
	}
}
