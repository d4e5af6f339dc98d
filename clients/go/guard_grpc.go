package patwarden

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// CallAccess says what a call of a method, `/package.Service/Method`, is for. The request is its message; nil where the client sends a
// stream of them, which is let through, or not, before the first.
type CallAccess func(ctx context.Context, method string, request any) Access

// UnaryInterceptor guards the unary methods of a gRPC server. A handler finds the decision by [DecisionFrom].
func (g *Guard) UnaryInterceptor(access CallAccess) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		ctx, err := g.admit(ctx, info.FullMethod, request, access)
		if err != nil {
			return nil, err
		}
		return handler(ctx, request)
	}
}

// StreamInterceptor guards the streaming methods of a gRPC server, as UnaryInterceptor the others. The decision is made once, when the call
// begins.
func (g *Guard) StreamInterceptor(access CallAccess) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		guarded := &guardedStream{ServerStream: stream, ctx: stream.Context()}
		guarded.admit = func(request any) (context.Context, error) {
			return g.admit(stream.Context(), info.FullMethod, request, access)
		}
		if info.IsClientStream {
			if err := guarded.open(nil); err != nil {
				return err
			}
		}
		return handler(service, guarded)
	}
}

// guardedStream decides when it is opened: for a method with one request when that is read, which is before its handler is called.
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
		return status.Error(codes.Internal, "an answer before the request was read")
	}
	return s.ServerStream.SendMsg(message)
}

// admit gives the context for the handler, or the error for the bearer.
func (g *Guard) admit(ctx context.Context, method string, request any, access CallAccess) (context.Context, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	credential, err := credentialIn(headers.Get)
	if errors.Is(err, errBadCredential) {
		return nil, status.Error(codes.Unauthenticated, "several credentials, or one that cannot be read")
	}
	if err != nil {
		return nil, status.Error(codes.Unauthenticated, "no credential: send authorization or x-api-key")
	}
	wanted := access(ctx, method, request)
	clientIP := ""
	if g.PeerIP != nil {
		clientIP = g.PeerIP(ctx)
	}
	decision, err := g.decide(ctx, credential, wanted, clientIP)
	switch {
	case err != nil:
		g.undecided(ctx, wanted, err)
		return nil, unavailable(err)
	case decision.Allowed:
		return context.WithValue(ctx, decisionKey{}, decision), nil
	case decision.TokenValid:
		return nil, status.Error(codes.PermissionDenied, "not allowed")
	default:
		return nil, status.Error(codes.Unauthenticated, "the credential is no good")
	}
}

func unavailable(cause error) error {
	state := status.New(codes.Unavailable, "no decision could be made; try again")
	detailed, err := state.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter(cause))})
	if err != nil {
		return state.Err()
	}
	return detailed.Err()
}

// PeerIP gives the address at the other end of the connection of a gRPC call.
func PeerIP(ctx context.Context) string {
	other, ok := peer.FromContext(ctx)
	if !ok || other.Addr == nil {
		return ""
	}
	return ipOf(other.Addr.String())
}
