package patwarden

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// Decision is the answer to a Check. The zero Decision is not one: it is not allowed, and its reason is
// REASON_UNSPECIFIED.
type Decision struct {
	// True only if every step allowed the request.
	Allowed bool
	// Why. For a reason that you do not know, use Allowed and TokenValid.
	Reason patwardenv1.Reason
	// False: the token cannot be used (answer 401). True: it can, but perhaps not for this (answer 403).
	TokenValid bool
	// Who the token acts as, `user:alice`. Set whenever the token was recognized, also for refusals.
	Subject string
	// The public id of the token, `tok_…`. Set whenever the token was recognized.
	TokenID string
	// The organization that the token is bound to, or is. Empty when there is none or the token was not recognized.
	Organization string
	// When the token expires. Zero when it never expires or was not recognized.
	ExpireTime time.Time
	// The claims requested by [Claims] that the token has.
	Claims map[string]string
}

// decisionOf fails for an empty reply, which must not count as a denial.
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

// CheckOption changes the request of a Check. Your own may set any field but token, resource and action.
type CheckOption func(*patwardenv1.CheckRequest)

// ClientIP sets the bearer's IPv4 or IPv6 address without port, or empty if unknown. Without it, tokens that are
// limited to networks are refused.
func ClientIP(address string) CheckOption {
	return func(request *patwardenv1.CheckRequest) { contextOf(request).ClientIp = address }
}

// UsageUnits sets the units to bill if the request is allowed, 0 to 1,000,000. Default 1.
func UsageUnits(units int32) CheckOption {
	return func(request *patwardenv1.CheckRequest) { contextOf(request).UsageUnits = &units }
}

// UsageID sets the id of the billed request, up to 128 visible ASCII characters: a subject is billed once in 24 hours
// for an id. Default: each decision is billed.
func UsageID(id string) CheckOption {
	return func(request *patwardenv1.CheckRequest) { contextOf(request).UsageId = id }
}

// HigherConsistency bypasses every cache. Default: the operator's caches may answer.
func HigherConsistency() CheckOption {
	return func(request *patwardenv1.CheckRequest) {
		request.Consistency = patwardenv1.Consistency_CONSISTENCY_HIGHER_CONSISTENCY
	}
}

// Claims requests claims of the token by name, at most 32; `*` alone means all.
func Claims(names ...string) CheckOption {
	return func(request *patwardenv1.CheckRequest) { request.Claims = names }
}

func contextOf(request *patwardenv1.CheckRequest) *patwardenv1.RequestContext {
	if request.Context == nil {
		request.Context = &patwardenv1.RequestContext{}
	}
	return request.Context
}

// Check decides whether the bearer of token may do action on resource, for example `viewer` on `document:roadmap`. A
// malformed token is answered TOKEN_MALFORMED without a call; an empty one is an error. If ctx has no deadline, it is
// one second.
func (c *Client) Check(ctx context.Context, token, resource, action string, options ...CheckOption) (Decision, error) {
	if token != "" {
		if _, err := ParseSecret(c.brand, token); err != nil {
			return Decision{Reason: patwardenv1.Reason_REASON_TOKEN_MALFORMED}, nil
		}
	}
	request := requestOf(options)
	request.Token, request.Resource, request.Action = token, resource, action
	response, err := c.Authorization.Check(ctx, request)
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

// CheckResult is the result of one item of a batch.
type CheckResult struct {
	Decision Decision
	// Not nil if no decision could be made for this item. It has no field violations.
	Err error
}

// BatchCheck makes 1 to 500 checks in one call, of up to 256 KiB together. It returns a result for each item, in order.
// The error is that of the whole call.
func (c *Client) BatchCheck(ctx context.Context, items ...*patwardenv1.BatchCheckItem) ([]CheckResult, error) {
	response, err := c.Authorization.BatchCheck(ctx, &patwardenv1.BatchCheckRequest{Items: items})
	if err != nil {
		return nil, err
	}
	if len(response.GetResults()) != len(items) {
		return nil, internalError(fmt.Sprintf("the server sent %d results for %d items", len(response.GetResults()), len(items)))
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

// resultOf returns either a decision or an error.
func resultOf(result *patwardenv1.BatchCheckResult) (*patwardenv1.CheckResponse, error) {
	if decision := result.GetDecision(); decision != nil {
		return decision, nil
	}
	failure := result.GetError()
	if failure == nil {
		return nil, internalError("the server sent an empty result")
	}
	code := codes.Code(failure.GetCode())
	if code == codes.OK {
		code = codes.Unknown
	}
	return nil, &Error{Code: code, Reason: failure.GetReason(), Message: failure.GetMessage()}
}

// Introspect returns the state of a token, without asking OpenFGA. Of the options, only [ClientIP] has an effect. If
// ctx has no deadline, it is one second.
func (c *Client) Introspect(ctx context.Context, token string, options ...CheckOption) (*patwardenv1.IntrospectResponse, error) {
	return c.Authorization.Introspect(ctx, &patwardenv1.IntrospectRequest{Token: token, Context: requestOf(options).Context})
}
