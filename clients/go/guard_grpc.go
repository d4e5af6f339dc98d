package patwarden

import (
	"context"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// CallAccess returns the permission that a call of a method, `/package.Service/Method`, needs. The request is its
// message, and nil if the client sends a stream, which is decided about before the first message.
type CallAccess func(ctx context.Context, method string, request any) Access

// UnaryInterceptor guards the unary methods of a gRPC server. Handlers find the decision by [DecisionFrom].
func (g *Guard) UnaryInterceptor(access CallAccess) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		ctx, err := g.admitCall(ctx, info.FullMethod, request, access)
		if err != nil {
			return nil, err
		}
		return handler(ctx, request)
	}
}

// StreamInterceptor guards the streaming methods of a gRPC server. It decides once, when the call begins.
func (g *Guard) StreamInterceptor(access CallAccess) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		guarded := &guardedStream{ServerStream: stream, ctx: stream.Context()}
		guarded.admit = func(request any) (context.Context, error) {
			return g.admitCall(stream.Context(), info.FullMethod, request, access)
		}
		if info.IsClientStream {
			if err := guarded.open(nil); err != nil {
				return err
			}
		}
		return handler(service, guarded)
	}
}

// guardedStream decides when it is opened: for a method with one request when that is read, before its handler is
// called.
type guardedStream struct {
	grpc.ServerStream
	ctx    context.Context
	admit  func(request any) (context.Context, error)
	isOpen bool
}

func (s *guardedStream) open(request any) error {
	ctx, err := s.admit(request)
	if err != nil {
		return err
	}
	s.ctx, s.isOpen = ctx, true
	return nil
}

func (s *guardedStream) Context() context.Context {
	return s.ctx
}

func (s *guardedStream) RecvMsg(message any) error {
	if err := s.ServerStream.RecvMsg(message); err != nil || s.isOpen {
		return err
	}
	return s.open(message)
}

func (s *guardedStream) SendMsg(message any) error {
	if !s.isOpen {
		return status.Error(codes.Internal, "the handler sent a message before the request was read")
	}
	return s.ServerStream.SendMsg(message)
}

// admitCall returns the context for the handler, or the error for the bearer.
func (g *Guard) admitCall(ctx context.Context, method string, request any, access CallAccess) (context.Context, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	clientIP := func() string {
		if g.PeerIP == nil {
			return ""
		}
		return g.PeerIP(ctx)
	}
	decision, refused := g.admit(ctx, headers.Get, func() Access { return access(ctx, method, request) }, clientIP)
	if refused != nil {
		return nil, refused.err()
	}
	return context.WithValue(ctx, decisionKey{}, decision), nil
}

var grpcCodes = map[int]codes.Code{
	http.StatusUnauthorized:       codes.Unauthenticated,
	http.StatusForbidden:          codes.PermissionDenied,
	http.StatusNotFound:           codes.NotFound,
	http.StatusServiceUnavailable: codes.Unavailable,
}

// err returns the refusal as an error of gRPC, with the reason as ErrorInfo.
func (r refusal) err() error {
	state := status.New(grpcCodes[r.Status], r.Detail)
	var details []protoadapt.MessageV1
	if r.Reason != "" {
		details = append(details, &errdetails.ErrorInfo{Reason: r.Reason, Domain: errorDomain})
	}
	if r.retryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(r.retryAfter)})
	}
	if detailed, err := state.WithDetails(details...); err == nil {
		return detailed.Err()
	}
	return state.Err()
}

// PeerIP returns the address at the other end of the connection of a gRPC call.
func PeerIP(ctx context.Context) string {
	other, ok := peer.FromContext(ctx)
	if !ok || other.Addr == nil {
		return ""
	}
	return ipOf(other.Addr.String())
}
