package patwarden

import (
	"context"
	"io"
	"iter"

	"google.golang.org/protobuf/proto"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// ResourceList is the list of resources on which a token may act. It is for display: check before acting on an entry.
// One goroutine may use it.
type ResourceList struct {
	// Set in the loop over All and after it. REASON_ALLOWED: the token can be used, even if the list is empty.
	Reason     patwardenv1.Reason
	TokenValid bool
	// True if the list may lack entries because OpenFGA ran out of time or failed for some. True until a loop over All
	// has ended without an error.
	Incomplete bool

	ctx     context.Context
	client  *Client
	request *patwardenv1.ListResourcesRequest
}

// ListResources lists the resources of a type, for example `document`, on which the bearer of token may do action. Of
// the options, [ClientIP] and [HigherConsistency] have an effect. The call is made by All.
func (c *Client) ListResources(ctx context.Context, token, resourceType, action string, options ...CheckOption) *ResourceList {
	request := requestOf(options)
	return &ResourceList{
		Incomplete: true,
		ctx:        ctx,
		client:     c,
		request: &patwardenv1.ListResourcesRequest{
			Token: token, Type: resourceType, Action: action, Context: request.Context, Consistency: request.Consistency,
		},
	}
}

// All makes the call, and yields the resources, `type:id`, in no order, as they arrive. It ends with the first error:
// the list is then incomplete. The only deadline is that of the context.
func (l *ResourceList) All() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		l.Reason, l.TokenValid, l.Incomplete = patwardenv1.Reason_REASON_UNSPECIFIED, false, true
		ctx, cancel := context.WithCancel(l.ctx)
		defer cancel()
		stream, message, err := l.open(ctx)
		if err != nil {
			yield("", err)
			return
		}
		l.Reason, l.TokenValid = message.GetReason(), message.GetTokenValid()
		for err == nil {
			for _, resource := range message.GetResources() {
				if !yield(resource, nil) {
					return
				}
			}
			incomplete := message.GetIncomplete()
			message, err = stream.Recv()
			if err == io.EOF {
				l.Incomplete = incomplete
				return
			}
		}
		yield("", err)
	}
}

type resourceStream interface {
	Recv() (*patwardenv1.ListResourcesResponse, error)
}

// open returns the stream with its first message, and retries until it has come.
func (l *ResourceList) open(ctx context.Context) (resourceStream, *patwardenv1.ListResourcesResponse, error) {
	retries := l.client.calls.retries
	for attempt := 1; ; attempt++ {
		var message *patwardenv1.ListResourcesResponse
		stream, err := l.client.Authorization.ListResources(ctx, l.request)
		if err == nil {
			message, err = stream.Recv()
		}
		if err == io.EOF || err == nil && message.GetReason() == patwardenv1.Reason_REASON_UNSPECIFIED {
			err = internalError("the server answered without a reason")
		}
		if !isUnavailable(err) {
			retries.succeeded()
			return stream, message, err
		}
		if !retries.failed() || !wait(ctx, attempt, err) {
			return nil, nil, err
		}
	}
}

// AllTokens yields the tokens that ListTokens finds, newest first, and fetches page after page of page_size. Each page
// has its own deadline. It ends with the first error.
func (c *Client) AllTokens(ctx context.Context, request *patwardenv1.ListTokensRequest) iter.Seq2[*patwardenv1.Token, error] {
	return func(yield func(*patwardenv1.Token, error) bool) {
		request := proto.CloneOf(request)
		turnPages(yield, &request.PageToken, func() ([]*patwardenv1.Token, string, error) {
			page, err := c.Tokens.ListTokens(ctx, request)
			return page.GetTokens(), page.GetNextPageToken(), err
		})
	}
}

// AllAuditEvents yields the events that ListAuditEvents finds, newest first, as AllTokens does.
func (c *Client) AllAuditEvents(ctx context.Context, request *patwardenv1.ListAuditEventsRequest) iter.Seq2[*patwardenv1.AuditEvent, error] {
	return func(yield func(*patwardenv1.AuditEvent, error) bool) {
		request := proto.CloneOf(request)
		turnPages(yield, &request.PageToken, func() ([]*patwardenv1.AuditEvent, string, error) {
			page, err := c.Audit.ListAuditEvents(ctx, request)
			return page.GetEvents(), page.GetNextPageToken(), err
		})
	}
}

// AllUsage yields the rows that QueryUsage finds, ordered by time, as AllTokens does.
func (c *Client) AllUsage(ctx context.Context, request *patwardenv1.QueryUsageRequest) iter.Seq2[*patwardenv1.UsageRow, error] {
	return func(yield func(*patwardenv1.UsageRow, error) bool) {
		request := proto.CloneOf(request)
		turnPages(yield, &request.PageToken, func() ([]*patwardenv1.UsageRow, string, error) {
			page, err := c.Usage.QueryUsage(ctx, request)
			return page.GetRows(), page.GetNextPageToken(), err
		})
	}
}

// turnPages calls fetch, which fetches the page of *pageToken, until there is no next one.
func turnPages[T any](yield func(*T, error) bool, pageToken *string, fetch func() ([]*T, string, error)) {
	for {
		page, next, err := fetch()
		if err != nil {
			yield(nil, err)
			return
		}
		for _, entry := range page {
			if !yield(entry, nil) {
				return
			}
		}
		if next == "" {
			return
		}
		*pageToken = next
	}
}
