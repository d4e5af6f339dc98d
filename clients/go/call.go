package patwarden

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// decisions are the methods that are called while a request waits.
var decisions = setOf(
	patwardenv1.AuthorizationService_Check_FullMethodName,
	patwardenv1.AuthorizationService_BatchCheck_FullMethodName,
	patwardenv1.AuthorizationService_Introspect_FullMethodName,
)

// repeatable are the methods that are safe to retry: reads, revocations, and those with a request_id.
var repeatable = setOf(
	patwardenv1.AuthorizationService_Check_FullMethodName,
	patwardenv1.AuthorizationService_BatchCheck_FullMethodName,
	patwardenv1.AuthorizationService_Introspect_FullMethodName,
	patwardenv1.TokenService_GetToken_FullMethodName,
	patwardenv1.TokenService_ListTokens_FullMethodName,
	patwardenv1.TokenService_GetTokenSummary_FullMethodName,
	patwardenv1.SubjectService_GetSubject_FullMethodName,
	patwardenv1.SubjectService_ListSubjects_FullMethodName,
	patwardenv1.PolicyService_GetPolicy_FullMethodName,
	patwardenv1.AuditService_ListAuditEvents_FullMethodName,
	patwardenv1.UsageService_QueryUsage_FullMethodName,
	patwardenv1.SelfService_GetCaller_FullMethodName,
	patwardenv1.SelfService_ListOrganizations_FullMethodName,
	patwardenv1.SelfService_GetCatalog_FullMethodName,
	patwardenv1.SelfService_GetCreationLimits_FullMethodName,
	patwardenv1.SelfService_ListReachable_FullMethodName,
	patwardenv1.SelfService_ExplainToken_FullMethodName,
	patwardenv1.TokenService_RevokeToken_FullMethodName,
	patwardenv1.TokenService_RevokeTokens_FullMethodName,
	patwardenv1.TokenService_RevokeSecret_FullMethodName,
	patwardenv1.TokenService_CreateToken_FullMethodName,
	patwardenv1.TokenService_RotateToken_FullMethodName,
)

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// calls intercepts every call of a client.
type calls struct {
	decisionTimeout time.Duration
	timeout         time.Duration
	retries         *retries
}

// unary is a grpc.UnaryClientInterceptor that sets the deadline and the request_id, retries, and types errors. gRPC's
// own retry policy gives up as soon as the server has sent headers, which carry the request id of an error.
func (c *calls) unary(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	timeout := c.timeout
	if decisions[method] {
		timeout = c.decisionTimeout
	}
	ctx, cancel := withTimeout(ctx, timeout)
	defer cancel()
	request = withRequestID(request)
	var header, trailer metadata.MD
	options = append(options[:len(options):len(options)], grpc.Header(&header), grpc.Trailer(&trailer))
	for attempt := 1; ; attempt++ {
		err := invoke(ctx, method, request, reply, conn, options...)
		if status.Code(err) != codes.Unavailable {
			c.retries.succeeded()
			return errorOf(err, header, trailer)
		}
		err = errorOf(err, header, trailer)
		if mayRepeat := c.retries.failed(); !mayRepeat || !repeatable[method] || !wait(ctx, attempt, err) {
			return err
		}
	}
}

// withTimeout sets a deadline unless the caller has set one.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if _, set := ctx.Deadline(); set {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// withRequestID returns a copy, because the caller may use its request again to make another token.
func withRequestID(request any) any {
	switch request := request.(type) {
	case *patwardenv1.CreateTokenRequest:
		if request.GetRequestId() == "" {
			request = proto.CloneOf(request)
			request.RequestId = newRequestID()
			return request
		}
	case *patwardenv1.RotateTokenRequest:
		if request.GetRequestId() == "" {
			request = proto.CloneOf(request)
			request.RequestId = newRequestID()
			return request
		}
	}
	return request
}

// newRequestID makes a random UUID (RFC 9562 §5.4).
func newRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// stream is a grpc.StreamClientInterceptor.
func (c *calls) stream(
	ctx context.Context, description *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, description, conn, method, options...)
	if err != nil {
		return nil, errorOf(err)
	}
	return typedStream{stream}, nil
}

// typedStream converts errors to Error.
type typedStream struct{ grpc.ClientStream }

func (s typedStream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err == nil || err == io.EOF {
		return err
	}
	header, _ := s.Header()
	return errorOf(err, header, s.Trailer())
}

func (s typedStream) SendMsg(message any) error {
	err := s.ClientStream.SendMsg(message)
	if err == nil || err == io.EOF {
		return err
	}
	return errorOf(err)
}
