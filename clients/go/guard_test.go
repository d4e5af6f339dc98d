package patwarden_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testing_pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	patwarden "patwarden.example/clients/go"
)

type guardVector struct {
	Name    string
	Method  string
	Headers map[string]string
	Query   string
	Route   struct{ Resource, Action string }
	Fault   *struct{ OpenFGA string }
	Explain bool `json:"explain_invalid_token"`
	Expect  struct {
		Status                 int
		WWWAuthenticate        string `json:"www_authenticate"`
		WWWAuthenticateWithout string `json:"www_authenticate_without"`
		Subject                string
		Body                   *patwarden.Problem
	}
}

var quiet = slog.New(slog.DiscardHandler)

// tellSubject is a handler behind a guard.
func tellSubject(w http.ResponseWriter, r *http.Request) {
	decision, ok := patwarden.DecisionFrom(r.Context())
	if !ok || !decision.Allowed {
		w.WriteHeader(http.StatusTeapot)
	}
	fmt.Fprint(w, decision.Subject)
}

func document(r *http.Request) patwarden.Access {
	return patwarden.Access{Resource: "document:" + r.URL.Query().Get("document"), Action: "viewer"}
}

func TestGuardOfHTTP(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"], patient())
	for _, vector := range vectors[guardVector](t, e, "guards") {
		t.Run(vector.Name, func(t *testing.T) {
			guard := &patwarden.Guard{Client: client, Logger: quiet, ExplainInvalidToken: vector.Explain}
			if vector.Fault != nil {
				e.fault(t, "/openfga", "/"+vector.Fault.OpenFGA)
			}
			server := httptest.NewServer(guard.Handler(http.HandlerFunc(tellSubject), func(*http.Request) patwarden.Access {
				return patwarden.Access{Resource: vector.Route.Resource, Action: vector.Route.Action}
			}))
			defer server.Close()
			request, err := http.NewRequest(vector.Method, server.URL+"/?"+vector.Query, nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range vector.Headers {
				request.Header.Set(name, value)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			want := vector.Expect
			if response.StatusCode != want.Status {
				t.Fatalf("got %s, want %d", response.Status, want.Status)
			}
			if want.Body != nil {
				var problem patwarden.Problem
				decoder := json.NewDecoder(bytes.NewReader(body))
				decoder.DisallowUnknownFields()
				if err := decoder.Decode(&problem); err != nil || problem != *want.Body {
					t.Errorf("got %s (%v), want %+v", body, err, *want.Body)
				}
				if kind := response.Header.Get("Content-Type"); kind != "application/problem+json" {
					t.Errorf("the content type is %q", kind)
				}
			}
			challenge := response.Header.Get("WWW-Authenticate")
			if (challenge != "") != (want.Status == http.StatusUnauthorized) || !strings.Contains(challenge, want.WWWAuthenticate) {
				t.Errorf("WWW-Authenticate is %q, want %q", challenge, want.WWWAuthenticate)
			}
			if want.WWWAuthenticateWithout != "" && strings.Contains(challenge, want.WWWAuthenticateWithout) {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
			seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
			if (seconds > 0) != (want.Status == http.StatusServiceUnavailable) {
				t.Errorf("Retry-After is %d", seconds)
			}
			if want.Status == http.StatusOK && string(body) != want.Subject {
				t.Errorf("the handler was told %q, want %q", body, want.Subject)
			}
			for _, value := range vector.Headers {
				if words := strings.Fields(value); len(words) == 2 && strings.Contains(fmt.Sprint(string(body), response.Header), words[1]) {
					t.Error("the answer has the credential")
				}
			}
		})
	}
}

func TestGuardOfGRPC(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"], patient())
	wanted := map[int]codes.Code{
		200: codes.OK, 401: codes.Unauthenticated, 403: codes.PermissionDenied, 404: codes.NotFound, 503: codes.Unavailable,
	}
	for _, vector := range vectors[guardVector](t, e, "guards") {
		t.Run(vector.Name, func(t *testing.T) {
			guard := &patwarden.Guard{Client: client, Logger: quiet, ExplainInvalidToken: vector.Explain}
			if vector.Fault != nil {
				e.fault(t, "/openfga", "/"+vector.Fault.OpenFGA)
			}
			stub := startGuarded(t, guard, func(context.Context, string, any) patwarden.Access {
				return patwarden.Access{Resource: vector.Route.Resource, Action: vector.Route.Action}
			})
			ctx := within(t, patience)
			for name, value := range vector.Headers {
				ctx = metadata.AppendToOutgoingContext(ctx, name, value)
			}
			subject, err := stub.unary(ctx, "")
			checkGuarded(t, err, wanted[vector.Expect.Status], subject, vector.Expect.Subject)
			if problem := vector.Expect.Body; problem != nil {
				wantDetails(t, err, problem.Detail, problem.Reason)
			}
			subject, err = stub.serverStream(ctx, "")
			checkGuarded(t, err, wanted[vector.Expect.Status], subject, vector.Expect.Subject)
			subject, err = stub.bidi(ctx)
			checkGuarded(t, err, wanted[vector.Expect.Status], subject, vector.Expect.Subject)
		})
	}
}

func checkGuarded(t *testing.T, err error, code codes.Code, subject, wantSubject string) {
	t.Helper()
	if status.Code(err) != code || subject != wantSubject {
		t.Errorf("got %v for %q, want %s for %q", err, subject, code, wantSubject)
	}
	delay := false
	for _, detail := range status.Convert(err).Details() {
		info, ok := detail.(*errdetails.RetryInfo)
		delay = delay || ok && info.GetRetryDelay().AsDuration() >= time.Second
	}
	if delay != (code == codes.Unavailable) {
		t.Errorf("retry delay: %t", delay)
	}
}

func wantDetails(t *testing.T, err error, detail, reason string) {
	t.Helper()
	state, got := status.Convert(err), ""
	for _, detail := range state.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			got = info.GetReason()
		}
	}
	if state.Message() != detail || got != reason {
		t.Errorf("got %q with reason %q, want %q with %q", state.Message(), got, detail, reason)
	}
}

// guardedService answers with the subject.
type guardedService struct {
	testing_pb.UnimplementedTestServiceServer
}

func subjectOf(ctx context.Context) *testing_pb.Payload {
	decision, _ := patwarden.DecisionFrom(ctx)
	return &testing_pb.Payload{Body: []byte(decision.Subject)}
}

func (guardedService) UnaryCall(ctx context.Context, _ *testing_pb.SimpleRequest) (*testing_pb.SimpleResponse, error) {
	return &testing_pb.SimpleResponse{Payload: subjectOf(ctx)}, nil
}

func (guardedService) StreamingOutputCall(
	_ *testing_pb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[testing_pb.StreamingOutputCallResponse],
) error {
	return stream.Send(&testing_pb.StreamingOutputCallResponse{Payload: subjectOf(stream.Context())})
}

func (guardedService) FullDuplexCall(
	stream grpc.BidiStreamingServer[testing_pb.StreamingOutputCallRequest, testing_pb.StreamingOutputCallResponse],
) error {
	// It speaks first.
	return stream.Send(&testing_pb.StreamingOutputCallResponse{Payload: subjectOf(stream.Context())})
}

type guardedStub struct{ testing_pb.TestServiceClient }

func startGuarded(t *testing.T, guard *patwarden.Guard, access patwarden.CallAccess) guardedStub {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(guard.UnaryInterceptor(access)), grpc.StreamInterceptor(guard.StreamInterceptor(access)))
	testing_pb.RegisterTestServiceServer(server, guardedService{})
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return guardedStub{testing_pb.NewTestServiceClient(conn)}
}

func (s guardedStub) unary(ctx context.Context, body string) (string, error) {
	response, err := s.UnaryCall(ctx, &testing_pb.SimpleRequest{Payload: &testing_pb.Payload{Body: []byte(body)}})
	return string(response.GetPayload().GetBody()), err
}

func (s guardedStub) serverStream(ctx context.Context, body string) (string, error) {
	stream, err := s.StreamingOutputCall(ctx, &testing_pb.StreamingOutputCallRequest{Payload: &testing_pb.Payload{Body: []byte(body)}})
	if err != nil {
		return "", err
	}
	response, err := stream.Recv()
	return string(response.GetPayload().GetBody()), err
}

func (s guardedStub) bidi(ctx context.Context) (string, error) {
	stream, err := s.FullDuplexCall(ctx)
	if err != nil {
		return "", err
	}
	response, err := stream.Recv()
	return string(response.GetPayload().GetBody()), err
}

func TestAGuardOfGRPCSeesTheRequest(t *testing.T) {
	e := harness(t)
	guard := &patwarden.Guard{Client: connect(t, e.Endpoint, e.Keys["checker"], patient()), Logger: quiet}
	stub := startGuarded(t, guard, func(_ context.Context, method string, request any) patwarden.Access {
		body := ""
		if message, ok := request.(interface{ GetPayload() *testing_pb.Payload }); ok {
			body = string(message.GetPayload().GetBody())
		}
		switch path.Base(method) {
		case "UnaryCall", "StreamingOutputCall":
			return patwarden.Access{Resource: "document:" + body, Action: "viewer"}
		default:
			return patwarden.Access{Resource: "document:roadmap", Action: "viewer"}
		}
	})
	ctx := metadata.AppendToOutgoingContext(within(t, patience), "x-api-key", e.secret(t, "alice"))
	for _, call := range []func(context.Context, string) (string, error){stub.unary, stub.serverStream} {
		if subject, err := call(ctx, "roadmap"); err != nil || subject != "user:alice" {
			t.Error(subject, err)
		}
		if _, err := call(ctx, "payroll"); status.Code(err) != codes.PermissionDenied {
			t.Error(err)
		}
	}
}

func TestAGuardSendsTheAddress(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"], patient())
	token := e.secret(t, "alice_at_office")
	for address, want := range map[string]int{"192.0.2.7": http.StatusOK, "203.0.113.7": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		guard := &patwarden.Guard{
			Client:   client,
			ClientIP: func(*http.Request) string { return address },
			PeerIP:   func(context.Context) string { return address },
		}
		request := httptest.NewRequest("GET", "/?document=roadmap", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		guard.Handler(http.HandlerFunc(tellSubject), document).ServeHTTP(recorder, request)
		if recorder.Code != want {
			t.Errorf("HTTP from %q: %d, want %d", address, recorder.Code, want)
		}
		stub := startGuarded(t, guard, func(context.Context, string, any) patwarden.Access {
			return patwarden.Access{Resource: "document:roadmap", Action: "viewer"}
		})
		_, err := stub.unary(metadata.AppendToOutgoingContext(within(t, patience), "authorization", "Bearer "+token), "")
		if (err == nil) != (want == http.StatusOK) {
			t.Errorf("gRPC from %q: %v", address, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:1234": "192.0.2.7", "[2001:db8::1]:1234": "2001:db8::1", "[fe80::1%eth0]:1": "fe80::1", "@": "", "": "", "somewhere:1": "",
	} {
		request := httptest.NewRequest("GET", "/", nil)
		request.RemoteAddr = remote
		if got := patwarden.RemoteIP(request); got != want {
			t.Errorf("%q gives %q", remote, got)
		}
	}
	var seen []string
	guard := &patwarden.Guard{
		Client: connect(t, "127.0.0.1:1", "key"),
		PeerIP: func(ctx context.Context) string {
			seen = append(seen, patwarden.PeerIP(ctx), patwarden.PeerIP(context.Background()))
			return ""
		},
	}
	stub := startGuarded(t, guard, func(context.Context, string, any) patwarden.Access { return patwarden.Access{} })
	_, _ = stub.unary(metadata.AppendToOutgoingContext(within(t, patience), "x-api-key", "pw_pat_"), "")
	if len(seen) != 2 || seen[0] != "127.0.0.1" || seen[1] != "" {
		t.Errorf("%q", seen)
	}
}

func TestAGuardHandsOnWhatIsNotOurs(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"], patient())
	web := patwarden.Decision{Allowed: true, TokenValid: true, Subject: "user:web"}
	for name, test := range map[string]struct {
		credential string
		verified   patwarden.Decision
		err        error
		status     int
		body       string
	}{
		"a web user":                 {"eyJ.abc.def", web, nil, 200, "user:web"},
		"a web user who may not":     {"eyJ.abc.def", patwarden.Decision{TokenValid: true}, nil, 403, ""},
		"a bad credential":           {"eyJ.abc.def", patwarden.Decision{}, nil, 401, ""},
		"no decision":                {"eyJ.abc.def", patwarden.Decision{}, errors.New("no keys"), 503, ""},
		"an error is never a yes":    {"eyJ.abc.def", web, errors.New("no keys"), 503, ""},
		"ours is not handed on":      {e.secret(t, "bob"), web, nil, 403, ""},
		"nor is ours when it is cut": {e.secret(t, "bob")[:20], web, nil, 401, ""},
		"nor are service keys":       {e.Keys["admin"], web, nil, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			guard := &patwarden.Guard{
				Client: client,
				Logger: quiet,
				Verify: func(_ context.Context, credential string, access patwarden.Access) (patwarden.Decision, error) {
					if credential != test.credential || access.Resource != "document:roadmap" || access.Action != "viewer" {
						t.Error(credential, access)
					}
					return test.verified, test.err
				},
			}
			request := httptest.NewRequest("GET", "/?document=roadmap", nil)
			request.Header.Set("Authorization", "Bearer "+test.credential)
			recorder := httptest.NewRecorder()
			guard.Handler(http.HandlerFunc(tellSubject), document).ServeHTTP(recorder, request)
			if recorder.Code != test.status || test.status == 200 && recorder.Body.String() != test.body {
				t.Errorf("got %d %q, want %d", recorder.Code, recorder.Body, test.status)
			}
		})
	}
}

func TestAGuardAsksForMore(t *testing.T) {
	e := harness(t)
	guard := &patwarden.Guard{Client: connect(t, e.Endpoint, e.Keys["checker"], patient())}
	request := httptest.NewRequest("GET", "/", nil)
	request.SetBasicAuth("anybody", e.secret(t, "alice"))
	recorder := httptest.NewRecorder()
	guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		decision, _ := patwarden.DecisionFrom(r.Context())
		fmt.Fprint(w, decision.Claims["plan"])
	}), func(*http.Request) patwarden.Access {
		return patwarden.Access{Resource: "document:roadmap", Action: "viewer", Options: []patwarden.CheckOption{patwarden.Claims("plan")}}
	}).ServeHTTP(recorder, request)
	if recorder.Body.String() != "gold" {
		t.Error(recorder)
	}
}

// There is no server, so that none of these may be asked.
func TestCredentialsThatAreNotAsked(t *testing.T) {
	const good = "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	const none, unreadable, bad = "", "invalid_request", "invalid_token"
	for name, test := range map[string]struct {
		headers http.Header
		problem string
	}{
		"nothing":                         {http.Header{}, none},
		"blanks":                          {http.Header{"Authorization": {"  "}, "X-Api-Key": {"\t"}}, none},
		"another scheme":                  {http.Header{"Authorization": {"Digest " + good}}, none},
		"a scheme that begins like ours":  {http.Header{"Authorization": {"Bearerpw " + good}}, none},
		"only the scheme":                 {http.Header{"Authorization": {"Bearer"}}, unreadable},
		"three words":                     {http.Header{"Authorization": {"Bearer a b"}}, unreadable},
		"two headers":                     {http.Header{"Authorization": {"Bearer " + good, "Bearer pw_pat_x"}}, unreadable},
		"two keys":                        {http.Header{"X-Api-Key": {good, "pw_pat_x"}}, unreadable},
		"a key beside another scheme":     {http.Header{"Authorization": {"Digest x"}, "X-Api-Key": {good}}, unreadable},
		"a key beside what is unreadable": {http.Header{"Authorization": {"Basic %"}, "X-Api-Key": {good}}, unreadable},
		"Basic without a colon":           {http.Header{"Authorization": {basic(good)}}, unreadable},
		"Basic without a password":        {http.Header{"Authorization": {basic(good + ":")}}, unreadable},
		"a list in one header":            {http.Header{"Authorization": {"Bearer " + good + ", Bearer " + good}}, unreadable},
		"a list without blanks":           {http.Header{"Authorization": {"Bearer " + good + "," + good}}, bad},
		"a token that is cut":             {http.Header{"Authorization": {"bEARER\t" + good[:40]}}, bad},
		"a password that is cut":          {http.Header{"Authorization": {basic("x:" + good[:40])}}, bad},
		"the same cut token everywhere": {
			http.Header{"Authorization": {"Bearer " + good[:40], basic("x:" + good[:40])}, "X-Api-Key": {" " + good[:40]}}, bad,
		},
	} {
		t.Run(name, func(t *testing.T) {
			guard := &patwarden.Guard{Client: connect(t, "127.0.0.1:1", "key"), Realm: `my "API"`}
			request := httptest.NewRequest("GET", "/?document=roadmap", nil)
			request.Header = test.headers
			recorder := httptest.NewRecorder()
			guard.Handler(http.HandlerFunc(tellSubject), document).ServeHTTP(recorder, request)
			want := `Bearer realm="my \"API\""`
			if test.problem != "" {
				want += `, error="` + test.problem + `"`
			}
			if got := recorder.Header().Get("WWW-Authenticate"); recorder.Code != 401 || got != want {
				t.Errorf("got %d %s, want %s", recorder.Code, got, want)
			}
		})
	}
}

func TestAGuardLogsWhyThereIsNoDecision(t *testing.T) {
	const token = "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"
	var logged strings.Builder
	guard := &patwarden.Guard{
		Client: connect(t, "127.0.0.1:1", "a-key", patient()),
		Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		Refuse: func(w http.ResponseWriter, _ *http.Request, problem patwarden.Problem) {
			w.WriteHeader(problem.Status)
			fmt.Fprint(w, `{"error":"try again"}`)
		},
	}
	request := httptest.NewRequest("GET", "/?document=roadmap", nil)
	request.Header.Set("X-API-Key", token)
	recorder := httptest.NewRecorder()
	guard.Handler(http.HandlerFunc(tellSubject), document).ServeHTTP(recorder, request)
	if recorder.Code != 503 || recorder.Header().Get("Retry-After") != "1" || recorder.Body.String() != `{"error":"try again"}` {
		t.Error(recorder)
	}
	text := logged.String()
	for wanted, want := range map[string]bool{"level=WARN": true, "document:roadmap": true, "Unavailable": true, token: false, "a-key": false} {
		if strings.Contains(text, wanted) != want {
			t.Errorf("logged %s", text)
		}
	}
}
