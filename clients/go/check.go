package patwarden

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	patwardenv1 "example.com/patwarden/clients/go/patwarden/v1"
)

// Decision is the answer to a Check. The zero Decision is none: it is not allowed, and its reason is REASON_UNSPECIFIED.
type Decision struct {
	// True only when the token is good, within its grant, and its subject may.
	Allowed bool
	// Why. Go by Allowed and TokenValid for one that you do not know.
	Reason patwardenv1.Reason
	// False: the token is no good (answer 401). True: a good token, allowed or not (403 when not).
	TokenValid bool
	// Who the token acts as, `user:alice`. Set whenever the token was recognized, on refusals too.
	Subject string
	// Public id of the token, `tok_…`. Set whenever the token was recognized.
	TokenID string
	// The organization that the token is bound to, or is. Empty when there is none or the token was not recognized.
	Organization string
	// When the token ends by itself. Zero when it never does or was not recognized.
	ExpireTime time.Time
	// Those asked for with [Claims], of a valid token.
	Claims map[string]string
}

// decisionOf fails for a reply that says nothing: it is no denial.
func decisionOf(response *patwardenv1.CheckResponse) (Decision, error) {
	if response.GetReason() == patwardenv1.Reason_REASON_UNSPECIFIED {
		return Decision{}, internalError("the server answered without a reason")
	}
	decision := Decision{
		Allowed:      response.GetAllowed(),
		Reason:       response.GetReason(),
		TokenValid:   response.GetTokenValid(),
		Subject:      response.GetSubject(),
		TokenID:      response.GetTokenId(),
		Organization: response.GetOrganization(),
		Claims:       response.GetClaims(),
	}
	if end := response.GetExpireTime(); end != nil {
		decision.ExpireTime = end.AsTime()
	}
	return decision, nil
}

// CheckOption adds to what a Check asks. One made by hand may set any field of the request but token, resource and action.
type CheckOption func(*patwardenv1.CheckRequest)

// ClientIP says where the bearer's request came from, an IPv4 or IPv6 address without port. A token that is limited to networks is refused
// without it. Empty: not known.
func ClientIP(address string) CheckOption {
	return func(request *patwardenv1.CheckRequest) { contextOf(request).ClientIp = address }
}

// UsageUnits says what the request is billed when it is allowed, 0 to 1,000,000. Default 1.
func UsageUnits(units int32) CheckOption {
	return func(request *patwardenv1.CheckRequest) { contextOf(request).UsageUnits = &units }
}

// UsageID is an id of the request that is billed, up to 128 visible ASCII characters: under the same one a subject is billed once in 24
// hours. Default: each decision is billed.
func UsageID(id string) CheckOption {
	return func(request *patwardenv1.CheckRequest) { contextOf(request).UsageId = id }
}

// HigherConsistency asks OpenFGA past every cache. Default: as fresh as the operator has set it up.
func HigherConsistency() CheckOption {
	return func(request *patwardenv1.CheckRequest) {
		request.Consistency = patwardenv1.Consistency_CONSISTENCY_HIGHER_CONSISTENCY
	}
}

// Claims asks for claims of the token by name, at most 32; `*` alone means all.
func Claims(names ...string) CheckOption {
	return func(request *patwardenv1.CheckRequest) { request.Claims = names }
}

func contextOf(request *patwardenv1.CheckRequest) *patwardenv1.RequestContext {
	if request.Context == nil {
		request.Context = &patwardenv1.RequestContext{}
	}
	return request.Context
}

// Check answers whether the bearer of token may do action to resource, for example `viewer` to `document:roadmap`. A text that is no secret
// is answered TOKEN_MALFORMED without a call; an empty one is an error, since nobody has shown a token. Without a deadline in ctx it has a
// second.
//
// Checks that are made at the same time travel together, each with its own context, options and deadline, unless [WithoutCoalescing]. Alone
// go those that ask for claims, and those whose ctx has metadata for gRPC to send.
func (c *Client) Check(ctx context.Context, token, resource, action string, options ...CheckOption) (Decision, error) {
	if token != "" {
		if _, err := ParseSecret(c.brand, token); err != nil {
			return Decision{Reason: patwardenv1.Reason_REASON_TOKEN_MALFORMED}, nil
		}
	}
	request := requestOf(options)
	request.Token, request.Resource, request.Action = token, resource, action
	ctx, cancel := withTimeout(ctx, c.calls.decisionTimeout)
	defer cancel()
	var response *patwardenv1.CheckResponse
	var err error
	if c.coalescer != nil && mayTravel(ctx, request) {
		response, err = c.coalescer.check(ctx, request)
	} else {
		response, err = c.Authorization.Check(ctx, request)
	}
	if err != nil {
		return Decision{}, err
	}
	return decisionOf(response)
}

func requestOf(options []CheckOption) *patwardenv1.CheckRequest {
	request := &patwardenv1.CheckRequest{}
	for _, option := range options {
		option(request)
	}
	return request
}

// CheckResult is what came of one item of a batch.
type CheckResult struct {
	Decision Decision
	// Not nil: no decision could be made for this item. It has no field violations.
	Err error
}

// BatchCheck answers 1 to 500 questions in one call, together up to 256 KiB. There is a result for each item, in their order. The error is
// that of the call as a whole.
func (c *Client) BatchCheck(ctx context.Context, items ...*patwardenv1.BatchCheckItem) ([]CheckResult, error) {
	response, err := c.Authorization.BatchCheck(ctx, &patwardenv1.BatchCheckRequest{Items: items})
	if err != nil {
		return nil, err
	}
	if len(response.GetResults()) != len(items) {
		return nil, errOtherLength(len(response.GetResults()), len(items))
	}
	results := make([]CheckResult, len(items))
	for i, result := range response.GetResults() {
		answer, err := resultOf(result)
		if err == nil {
			results[i].Decision, err = decisionOf(answer)
		}
		results[i].Err = err
	}
	return results, nil
}

func errOtherLength(results, items int) error {
	return internalError(fmt.Sprintf("the server answered %d questions of %d", results, items))
}

// resultOf gives either a decision or an error.
func resultOf(result *patwardenv1.BatchCheckResult) (*patwardenv1.CheckResponse, error) {
	if decision := result.GetDecision(); decision != nil {
		return decision, nil
	}
	failure := result.GetError()
	if failure == nil {
		return nil, internalError("the server answered a question with nothing")
	}
	code := codes.Code(failure.GetCode())
	if code == codes.OK {
		code = codes.Unknown
	}
	return nil, &Error{Code: code, Reason: failure.GetReason(), Message: failure.GetMessage()}
}

// Introspect tells what a token is, without asking OpenFGA. Of the options only [ClientIP] has an effect. Without a deadline in ctx it has
// a second.
func (c *Client) Introspect(ctx context.Context, token string, options ...CheckOption) (*patwardenv1.IntrospectResponse, error) {
	return c.Authorization.Introspect(ctx, &patwardenv1.IntrospectRequest{Token: token, Context: requestOf(options).Context})
}
