package patwarden

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

func down(details ...protoadapt.MessageV1) error {
	state, err := status.New(codes.Unavailable, "down").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return state.Err()
}

// as returns err as an Error.
func as(t *testing.T, err error) *Error {
	t.Helper()
	var known *Error
	if !errors.As(err, &known) {
		t.Fatalf("%v (%T) is no Error", err, err)
	}
	return known
}

// everyUnaryMethod calls each method of the API that is unary, by its stub, with an empty request.
func everyUnaryMethod(client *Client) map[string]func(context.Context) error {
	calls := map[string]func(context.Context) error{}
	files := []protoreflect.FileDescriptor{
		patwardenv1.File_patwarden_v1_authorization_proto, patwardenv1.File_patwarden_v1_token_proto, patwardenv1.File_patwarden_v1_subject_proto,
		patwardenv1.File_patwarden_v1_policy_proto, patwardenv1.File_patwarden_v1_audit_proto, patwardenv1.File_patwarden_v1_usage_proto,
		patwardenv1.File_patwarden_v1_self_proto,
	}
	stubs := []any{
		client.Authorization, client.Tokens, client.Subjects, client.Policies, client.Audit, client.Usage, client.SelfService,
	}
	for i, file := range files {
		methods := file.Services().Get(0).Methods()
		for j := range methods.Len() {
			if methods.Get(j).IsStreamingServer() {
				continue
			}
			name := string(methods.Get(j).Name())
			method := reflect.ValueOf(stubs[i]).MethodByName(name)
			calls[name] = func(ctx context.Context) error {
				results := method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.New(method.Type().In(1).Elem())})
				err, _ := results[1].Interface().(error)
				return err
			}
		}
	}
	return calls
}

func TestWhatIsRepeated(t *testing.T) {
	f := startFake(t, func(context.Context, string, any) (any, error) { return nil, down() })
	for name := range everyUnaryMethod(f.connect(t)) {
		t.Run(name, func(t *testing.T) {
			// Each with the budget of a new client.
			call := everyUnaryMethod(f.connect(t))[name]
			before := len(f.calls())
			if known := as(t, call(t.Context())); known.Code != codes.Unavailable {
				t.Error(known)
			}
			want := 1
			for _, prefix := range []string{"Check", "BatchCheck", "Introspect", "Get", "List", "Query", "Explain", "Revoke", "CreateToken", "RotateToken"} {
				if strings.HasPrefix(name, prefix) {
					want = 4
				}
			}
			if attempts := len(f.calls()) - before; attempts != want {
				t.Errorf("%d attempts, want %d", attempts, want)
			}
		})
	}
}

func TestOnlyUnavailableIsRepeated(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if code == codes.Unavailable {
			continue
		}
		f := startFake(t, func(context.Context, string, any) (any, error) { return nil, status.Error(code, "no") })
		_, err := f.connect(t).Check(t.Context(), aToken, "document:yes", "viewer")
		if known := as(t, err); known.Code != code {
			t.Errorf("%s became %v", code, err)
		}
		if attempts := len(f.calls()); attempts != 1 {
			t.Errorf("%s: %d attempts", code, attempts)
		}
	}
}

func TestACheckIsRepeatedUntilItIsAnswered(t *testing.T) {
	var attempts atomic.Int64
	f := startFake(t, func(ctx context.Context, method string, request any) (any, error) {
		if attempts.Add(1) < 3 {
			// As the server does for an error; gRPC's own retry would stop here.
			_ = grpc.SendHeader(ctx, metadata.Pairs("x-request-id", "one"))
			return nil, down()
		}
		return decides(ctx, method, request)
	})
	if decision, err := f.connect(t).Check(t.Context(), aToken, "document:yes", "viewer"); err != nil || !decision.Allowed {
		t.Error(decision, err)
	}
}

func TestTheBudgetForRepeatingRunsOut(t *testing.T) {
	f := startFake(t, func(context.Context, string, any) (any, error) { return nil, down() })
	client := f.connect(t)
	for range 3 {
		_, _ = client.Tokens.GetToken(t.Context(), &patwardenv1.GetTokenRequest{})
	}
	if attempts := len(f.calls()); attempts != 4+1+1 {
		t.Errorf("%d attempts", attempts)
	}
	// Fifty-odd successes later there is some again.
	f.answer = func(context.Context, string, any) (any, error) { return &patwardenv1.GetTokenResponse{}, nil }
	for range 70 {
		if _, err := client.Tokens.GetToken(t.Context(), &patwardenv1.GetTokenRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	before := len(f.calls())
	f.answer = func(context.Context, string, any) (any, error) { return nil, down() }
	_, _ = client.Tokens.GetToken(t.Context(), &patwardenv1.GetTokenRequest{})
	if attempts := len(f.calls()) - before; attempts < 2 {
		t.Errorf("%d attempts", attempts)
	}
}

func TestTheServerSaysWhenToRepeat(t *testing.T) {
	const delay = 300 * time.Millisecond
	var attempts atomic.Int64
	f := startFake(t, func(ctx context.Context, method string, request any) (any, error) {
		if attempts.Add(1) == 1 {
			return nil, down(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
		}
		return decides(ctx, method, request)
	})
	start := time.Now()
	if _, err := f.connect(t).Check(t.Context(), aToken, "document:yes", "viewer"); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < delay {
		t.Errorf("repeated after %s", took)
	}
}

func TestNothingIsRepeatedAfterTheDeadline(t *testing.T) {
	f := startFake(t, func(context.Context, string, any) (any, error) {
		return nil, down(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Hour)})
	})
	_, err := f.connect(t).Check(t.Context(), aToken, "document:yes", "viewer")
	if known := as(t, err); known.Code != codes.Unavailable || known.RetryDelay != time.Hour {
		t.Error(err)
	}
	if attempts := len(f.calls()); attempts != 1 {
		t.Errorf("%d attempts", attempts)
	}
}

func TestRequestIDs(t *testing.T) {
	f := startFake(t, func(context.Context, string, any) (any, error) { return nil, down() })
	id := func(call received) string {
		return call.request.(interface{ GetRequestId() string }).GetRequestId()
	}
	create := &patwardenv1.CreateTokenRequest{Name: "laptop"}
	rotate := &patwardenv1.RotateTokenRequest{Id: "tok_1"}
	_, _ = f.connect(t).Tokens.CreateToken(t.Context(), create)
	_, _ = f.connect(t).Tokens.CreateToken(t.Context(), create)
	_, _ = f.connect(t).Tokens.RotateToken(t.Context(), rotate)
	calls := f.calls()
	if len(calls) != 12 {
		t.Fatalf("%d calls", len(calls))
	}
	var ids []string
	for i, call := range calls {
		if i%4 == 0 {
			ids = append(ids, id(call))
		} else if id(call) != ids[i/4] {
			t.Error("another id when it was repeated")
		}
		if request, ok := call.request.(*patwardenv1.CreateTokenRequest); ok && request.GetName() != "laptop" {
			t.Error("the request is another")
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 3 || len(ids[0]) != 36 {
		t.Error(ids)
	}
	if create.RequestId != "" || rotate.RequestId != "" {
		t.Error("the caller's request was changed")
	}
	create.RequestId = "mine"
	_, _ = f.connect(t).Tokens.CreateToken(t.Context(), create)
	if last := f.calls()[12]; id(last) != "mine" {
		t.Error("the caller's id was not sent")
	}
}

func TestDeadlines(t *testing.T) {
	var left time.Duration
	f := startFake(t, func(ctx context.Context, _ string, _ any) (any, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			t.Error("no deadline")
		}
		left = time.Until(deadline)
		return nil, status.Error(codes.NotFound, "")
	})
	client, err := New(f.address, Key("a-key"), WithPlaintext())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.conn.Connect()
	longer, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for name, call := range everyUnaryMethod(client) {
		want := 10 * time.Second
		if name == "Check" || name == "BatchCheck" || name == "Introspect" {
			want = time.Second
		}
		// A slow machine may need more than one time.
		for left = -1; left == -1; {
			_ = call(t.Context())
		}
		if left > want || left < want/10 {
			t.Errorf("%s: %s are left, want %s", name, left, want)
		}
		if _ = call(longer); left < 50*time.Minute {
			t.Errorf("%s: %s are left of the caller's hour", name, left)
		}
	}
}

func TestWhatIsSentWithACall(t *testing.T) {
	var headers metadata.MD
	f := startFake(t, func(ctx context.Context, method string, request any) (any, error) {
		headers, _ = metadata.FromIncomingContext(ctx)
		return decides(ctx, method, request)
	})
	keys := []string{"key-1", "key-2"}
	client, err := New(f.address, func(context.Context) (string, error) {
		key := keys[0]
		keys = keys[1:]
		return key, nil
	}, WithPlaintext(), WithDecisionTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, key := range []string{"key-1", "key-2"} {
		if _, err := client.Check(t.Context(), aToken, "document:yes", "viewer"); err != nil {
			t.Fatal(err)
		}
		if got := headers.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+key {
			t.Error(got)
		}
	}
	if got := headers.Get("user-agent"); len(got) != 1 || !strings.HasPrefix(got[0], "patwarden-go/0.1.0 grpc-go/") {
		t.Error(got)
	}
}

func TestNoCallWithoutAKey(t *testing.T) {
	f := startFake(t, decides)
	broken := errors.New("the vault is closed")
	for name, source := range map[string]KeySource{
		"failing":   func(context.Context) (string, error) { return "key", broken },
		"empty":     Key(""),
		"a newline": Key("key\n"),
		"no ASCII":  Key("kéy"),
	} {
		t.Run(name, func(t *testing.T) {
			client, err := New(f.address, source, WithPlaintext(), WithDecisionTimeout(patience))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			decision, err := client.Check(t.Context(), aToken, "document:yes", "viewer")
			if known := as(t, err); known.Code != codes.Unauthenticated || decision.Allowed {
				t.Error(err)
			}
			for resource, err := range client.ListResources(t.Context(), aToken, "document", "viewer").All() {
				if known := as(t, err); known.Code != codes.Unauthenticated {
					t.Error(resource, err)
				}
			}
		})
	}
	if calls := f.calls(); len(calls) != 0 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestErrorsHaveWhatTheServerSays(t *testing.T) {
	state, err := status.New(codes.InvalidArgument, "the request is not valid").WithDetails(
		&errdetails.ErrorInfo{Domain: "patwarden.v1", Reason: "INVALID_FIELD", Metadata: map[string]string{"a": "b"}},
		&errdetails.ErrorInfo{Domain: "somebody.else", Reason: "PROXY"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "context.client_ip", Description: "no address"}}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)},
	)
	if err != nil {
		t.Fatal(err)
	}
	f := startFake(t, func(ctx context.Context, _ string, _ any) (any, error) {
		_ = grpc.SendHeader(ctx, metadata.Pairs("x-request-id", "request-1"))
		return nil, state.Err()
	})
	_, err = f.connect(t).Check(t.Context(), aToken, "document:yes", "viewer")
	known := as(t, err)
	want := &Error{
		Code: codes.InvalidArgument, Reason: "INVALID_FIELD", Message: "the request is not valid", Metadata: map[string]string{"a": "b"},
		FieldViolations: []FieldViolation{{"context.client_ip", "no address"}}, RequestID: "request-1", RetryDelay: 3 * time.Second, cause: known.cause,
	}
	if !reflect.DeepEqual(known, want) {
		t.Errorf("%#v", known)
	}
	if status.Code(err) != codes.InvalidArgument || status.Code(known.Unwrap()) != codes.InvalidArgument {
		t.Error("the status is lost")
	}
	const text = "patwarden: InvalidArgument INVALID_FIELD: the request is not valid; context.client_ip: no address (request request-1)"
	if err.Error() != text {
		t.Error(err)
	}
}

func TestDamagedDetailsDoNotHideTheCode(t *testing.T) {
	for name, trailer := range map[string]string{
		"no message":        "\xff\xff\xff",
		"a damaged message": string(marshal(t, &anypb.Any{TypeUrl: "type.googleapis.com/google.rpc.ErrorInfo", Value: []byte("\xff")})),
		"an unknown type":   string(marshal(t, &anypb.Any{TypeUrl: "type.googleapis.com/nobody.Knows"})),
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, func(ctx context.Context, _ string, _ any) (any, error) {
				_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-status-details-bin", trailer))
				return nil, status.Error(codes.FailedPrecondition, "no")
			})
			_, err := f.connect(t).Check(t.Context(), aToken, "document:yes", "viewer")
			if known := as(t, err); known.Code != codes.FailedPrecondition || known.Message != "no" {
				t.Error(err)
			}
		})
	}
}

// marshal returns a google.rpc.Status of FAILED_PRECONDITION with a detail.
func marshal(t *testing.T, detail *anypb.Any) []byte {
	t.Helper()
	state := status.New(codes.FailedPrecondition, "no").Proto()
	state.Details = []*anypb.Any{detail}
	bytes, err := proto.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func TestALoneReplyThatSaysNothingIsNoDenial(t *testing.T) {
	f := startFake(t, func(context.Context, string, any) (any, error) { return &patwardenv1.CheckResponse{}, nil })
	_, err := f.connect(t).Check(t.Context(), aToken, "document:yes", "viewer")
	if known := as(t, err); known.Code != codes.Internal {
		t.Error(err)
	}
}

func TestAClosedClientAnswersNothing(t *testing.T) {
	f := startFake(t, decides)
	client := f.connect(t)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	decision, err := client.Check(t.Context(), aToken, "document:yes", "viewer")
	if known := as(t, err); known.Code != codes.Canceled || decision.Allowed {
		t.Error(decision, err)
	}
}

func TestPlaintextStaysOnTheHost(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"localhost:9081": true, "127.0.0.1:9081": true, "127.8.9.10:1": true, "[::1]:9081": true, "unix:///run/patwarden.sock": true,
		"patwarden:9081": false, "10.0.0.1:9081": false, "0.0.0.0:9081": false, "[::]:9081": false, "localhost.example.com:9081": false,
		"127.0.0.1.example.com:9081": false, "dns://192.0.2.1/localhost:9081": false, "ipv4:127.0.0.1:1,192.0.2.1:1": false,
		"localhost@example.com:9081": false, "": false, "http://localhost:9081": false,
	} {
		client, err := New(endpoint, Key("key"), WithPlaintext())
		if (err == nil) != want {
			t.Errorf("%s: %v", endpoint, err)
		}
		if err == nil {
			client.Close()
		}
	}
	client, err := New("patwarden:9081", Key("key"), WithDangerouslySendKeyInPlaintext())
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, options := range map[string][]Option{
		"TLS and plaintext": {WithTLS(&tls.Config{}), WithPlaintext()},
		"a brand":           {WithPlaintext(), WithBrand("PW")},
		"no time":           {WithPlaintext(), WithDecisionTimeout(0)},
		"less than no time": {WithPlaintext(), WithTimeout(-1)},
	} {
		if _, err := New("localhost:1", Key("key"), options...); err == nil {
			t.Error(name)
		}
	}
	if _, err := New("localhost:1", nil, WithPlaintext()); err == nil {
		t.Error("no key")
	}
}

func TestNothingPrintsTheKey(t *testing.T) {
	const key = "pw_svc_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf4LTCwX"
	f := startFake(t, func(context.Context, string, any) (any, error) { return nil, status.Error(codes.Internal, "no") })
	client, err := New(f.address, Key(key), WithPlaintext(), WithDecisionTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Check(t.Context(), aToken, "document:yes", "viewer")
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v", client, client, client), fmt.Sprintf("%v %+v %#v", *client, *client, *client),
		fmt.Sprintf("%v %+v %#v", Key(key), Key(key), Key(key)), fmt.Sprintf("%v %+v %#v", err, err, err),
	} {
		if strings.Contains(text, key) || strings.Contains(text, aToken) {
			t.Error(text)
		}
	}
}

func TestListResources(t *testing.T) {
	first := &patwardenv1.ListResourcesResponse{
		Resources: []string{"document:1", "document:2"}, Reason: patwardenv1.Reason_REASON_ALLOWED, TokenValid: true,
	}
	last := &patwardenv1.ListResourcesResponse{Resources: []string{"document:3"}, Incomplete: true}
	collect := func(list *ResourceList) (resources []string, err error) {
		for resource, failed := range list.All() {
			if failed != nil {
				return resources, failed
			}
			resources = append(resources, resource)
		}
		return resources, nil
	}

	t.Run("all messages", func(t *testing.T) {
		f := startFake(t, nil)
		f.list = func(stream grpc.ServerStreamingServer[patwardenv1.ListResourcesResponse]) error {
			return errors.Join(stream.Send(first), stream.Send(last))
		}
		list := f.connect(t).ListResources(t.Context(), aToken, "document", "viewer")
		resources, err := collect(list)
		if err != nil || len(resources) != 3 || !list.TokenValid || list.Reason != patwardenv1.Reason_REASON_ALLOWED || !list.Incomplete {
			t.Error(resources, err, list)
		}
	})
	t.Run("is complete at its end only", func(t *testing.T) {
		f := startFake(t, nil)
		f.list = func(stream grpc.ServerStreamingServer[patwardenv1.ListResourcesResponse]) error {
			return stream.Send(first)
		}
		list := f.connect(t).ListResources(t.Context(), aToken, "document", "viewer")
		for range list.All() {
			if !list.Incomplete || !list.TokenValid {
				t.Error(list)
			}
		}
		if list.Incomplete {
			t.Error("incomplete at the end")
		}
	})
	t.Run("is repeated until it has begun", func(t *testing.T) {
		f := startFake(t, nil)
		f.list = func(stream grpc.ServerStreamingServer[patwardenv1.ListResourcesResponse]) error {
			if len(f.calls()) < 3 {
				_ = stream.SendHeader(nil)
				return down()
			}
			return stream.Send(first)
		}
		if resources, err := collect(f.connect(t).ListResources(t.Context(), aToken, "document", "viewer")); err != nil || len(resources) != 2 {
			t.Error(resources, err)
		}
	})
	t.Run("fails once it has begun", func(t *testing.T) {
		f := startFake(t, nil)
		f.list = func(stream grpc.ServerStreamingServer[patwardenv1.ListResourcesResponse]) error {
			return errors.Join(stream.Send(first), down())
		}
		list := f.connect(t).ListResources(t.Context(), aToken, "document", "viewer")
		_, err := collect(list)
		if as(t, err); !list.Incomplete || len(f.calls()) != 1 {
			t.Error(err, list, len(f.calls()))
		}
	})
	t.Run("nothing is no list", func(t *testing.T) {
		f := startFake(t, nil)
		f.list = func(grpc.ServerStreamingServer[patwardenv1.ListResourcesResponse]) error { return nil }
		_, err := collect(f.connect(t).ListResources(t.Context(), aToken, "document", "viewer"))
		if known := as(t, err); known.Code != codes.Internal {
			t.Error(err)
		}
	})
	t.Run("leaving the loop ends the call", func(t *testing.T) {
		ended := make(chan struct{})
		f := startFake(t, nil)
		f.list = func(stream grpc.ServerStreamingServer[patwardenv1.ListResourcesResponse]) error {
			defer close(ended)
			_ = stream.Send(first)
			<-stream.Context().Done()
			return stream.Context().Err()
		}
		for range f.connect(t).ListResources(context.Background(), aToken, "document", "viewer").All() {
			break
		}
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("the call goes on")
		}
	})
}

func TestPages(t *testing.T) {
	f := startFake(t, func(_ context.Context, _ string, request any) (any, error) {
		switch asked := request.(*patwardenv1.ListTokensRequest); asked.GetPageToken() {
		case "":
			return &patwardenv1.ListTokensResponse{Tokens: []*patwardenv1.Token{{Id: "1"}, {Id: "2"}}, NextPageToken: "b"}, nil
		case "b": // possibly fewer although more follow
			return &patwardenv1.ListTokensResponse{NextPageToken: "c"}, nil
		case "c":
			return &patwardenv1.ListTokensResponse{Tokens: []*patwardenv1.Token{{Id: asked.GetSubject()}}}, nil
		default:
			return nil, status.Error(codes.InvalidArgument, "")
		}
	})
	client := f.connect(t)
	request := &patwardenv1.ListTokensRequest{Subject: "user:alice"}
	for range 2 {
		var ids []string
		for token, err := range client.AllTokens(t.Context(), request) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, token.GetId())
		}
		if !slices.Equal(ids, []string{"1", "2", "user:alice"}) {
			t.Error(ids)
		}
	}
	before := len(f.calls())
	for range client.AllTokens(t.Context(), request) {
		break
	}
	if pages := len(f.calls()) - before; pages != 1 {
		t.Errorf("%d pages for one token", pages)
	}
	var failed error
	for _, err := range client.AllTokens(t.Context(), &patwardenv1.ListTokensRequest{PageToken: "x"}) {
		failed = err
	}
	if known := as(t, failed); known.Code != codes.InvalidArgument {
		t.Error(failed)
	}
}
