package patwarden

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	maxAttempts    = 4
	initialBackoff = 50 * time.Millisecond
	maxBackoff     = time.Second

	// The retryThrottling of a gRPC service config.
	maxRetryTokens = 10
	retryToken     = 0.1
)

// retries is the budget of a client for retries: when more than a few calls fail, or more than one in ten for long,
// there are none, so that they cannot multiply the load of a server that is down.
type retries struct {
	mu     sync.Mutex
	tokens float64
}

func newRetries() *retries {
	return &retries{tokens: maxRetryTokens}
}

func (r *retries) succeeded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = min(r.tokens+retryToken, maxRetryTokens)
}

// failed counts a failure, and returns whether it may be retried.
func (r *retries) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = max(r.tokens-1, 0)
	return r.tokens > maxRetryTokens/2
}

// wait waits after a failed attempt, which counts from 1. Returns false if there is no other attempt, or not within the
// deadline.
func wait(ctx context.Context, attempt int, err error) bool {
	if attempt == maxAttempts {
		return false
	}
	delay := min(initialBackoff<<(attempt-1), maxBackoff)
	delay = time.Duration(float64(delay) * (0.8 + 0.4*rand.Float64()))
	var known *Error
	if errors.As(err, &known) {
		delay = max(delay, known.RetryDelay)
	}
	if deadline, set := ctx.Deadline(); set && time.Until(deadline) <= delay {
		return false
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func isUnavailable(err error) bool {
	var known *Error
	return errors.As(err, &known) && known.Code == codes.Unavailable
}
