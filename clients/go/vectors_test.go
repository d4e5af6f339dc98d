package patwarden_test

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	patwarden "patwarden.example/clients/go"
	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

type expectedDecision struct {
	Allowed      bool
	Reason       string
	TokenValid   bool `json:"token_valid"`
	Subject      string
	TokenID      string `json:"token_id"` // alias
	Organization string
	Claims       map[string]string
	Expires      bool
}

type expectedError struct {
	Code       string
	Reason     string
	Fields     []string
	Metadata   map[string]string
	RetryDelay bool `json:"retry_delay"`
}

type vectorToken string

// UnmarshalJSON takes an alias or {"text": …}; the alias is looked up by secretOf.
func (v *vectorToken) UnmarshalJSON(text []byte) error {
	var literal struct{ Text *string }
	if err := json.Unmarshal(text, &literal); err == nil && literal.Text != nil {
		*v = vectorToken("=" + *literal.Text)
		return nil
	}
	var alias string
	err := json.Unmarshal(text, &alias)
	*v = vectorToken(alias)
	return err
}

func (v vectorToken) secretOf(t testing.TB, e *environment) string {
	if text, ok := strings.CutPrefix(string(v), "="); ok {
		return text
	}
	return e.secret(t, string(v))
}

type vectorContext struct {
	ClientIP   string `json:"client_ip"`
	UsageUnits *int32 `json:"usage_units"`
	UsageID    string `json:"usage_id"`
}

type vectorQuestion struct {
	Name        string
	Token       vectorToken
	Resource    string
	Action      string
	Context     *vectorContext
	Claims      []string
	Consistency string
	Expect      *expectedDecision
	Error       *expectedError
}

func optionsOf(q vectorQuestion) []patwarden.CheckOption {
	var options []patwarden.CheckOption
	if q.Context != nil {
		options = append(options, patwarden.ClientIP(q.Context.ClientIP), patwarden.UsageID(q.Context.UsageID))
		if q.Context.UsageUnits != nil {
			options = append(options, patwarden.UsageUnits(*q.Context.UsageUnits))
		}
	}
	if q.Claims != nil {
		options = append(options, patwarden.Claims(q.Claims...))
	}
	switch q.Consistency {
	case "":
	case "HIGHER_CONSISTENCY":
		options = append(options, patwarden.HigherConsistency())
	default:
		options = append(options, func(request *patwardenv1.CheckRequest) {
			request.Consistency = patwardenv1.Consistency(patwardenv1.Consistency_value["CONSISTENCY_"+q.Consistency])
		})
	}
	return options
}

func itemOf(t testing.TB, e *environment, q vectorQuestion) *patwardenv1.BatchCheckItem {
	request := &patwardenv1.CheckRequest{}
	for _, option := range optionsOf(q) {
		option(request)
	}
	return &patwardenv1.BatchCheckItem{
		Token: q.Token.secretOf(t, e), Resource: q.Resource, Action: q.Action, Context: request.Context, Consistency: request.Consistency,
	}
}

func wantDecision(t testing.TB, e *environment, got patwarden.Decision, want expectedDecision) {
	t.Helper()
	if got.ExpireTime.IsZero() == want.Expires {
		t.Errorf("expire time is %v", got.ExpireTime)
	}
	got.ExpireTime = got.ExpireTime.Truncate(0).UTC()
	wanted := patwarden.Decision{
		Allowed: want.Allowed, Reason: reason(want.Reason), TokenValid: want.TokenValid, Subject: want.Subject,
		TokenID: e.Tokens[want.TokenID]["id"], Organization: want.Organization, ExpireTime: got.ExpireTime, Claims: got.Claims,
	}
	if !maps.Equal(got.Claims, want.Claims) {
		t.Errorf("claims are %v, want %v", got.Claims, want.Claims)
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("got  %+v\nwant %+v", got, wanted)
	}
}

func wantError(t testing.TB, err error, want expectedError) {
	t.Helper()
	got := failure(t, err)
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(`"` + want.Code + `"`)); err != nil {
		t.Fatal(err)
	}
	if got.Code != code || got.Reason != want.Reason {
		t.Errorf("got %v, want %s %s", err, want.Code, want.Reason)
	}
	var fields []string
	for _, violation := range got.FieldViolations {
		fields = append(fields, violation.Field)
	}
	slices.Sort(fields)
	if wanted := slices.Sorted(slices.Values(want.Fields)); !slices.Equal(fields, wanted) {
		t.Errorf("fields are %v, want %v", fields, wanted)
	}
	for name, value := range want.Metadata {
		if got.Metadata[name] != value {
			t.Errorf("metadata %s is %q, want %q", name, got.Metadata[name], value)
		}
	}
	if got.RetryDelay > 0 != want.RetryDelay {
		t.Errorf("retry delay is %s", got.RetryDelay)
	}
}

func TestChecks(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"], patient())
	for _, vector := range vectors[vectorQuestion](t, e, "checks") {
		t.Run(vector.Name, func(t *testing.T) {
			decision, err := client.Check(t.Context(), vector.Token.secretOf(t, e), vector.Resource, vector.Action, optionsOf(vector)...)
			if vector.Error != nil {
				wantError(t, err, *vector.Error)
				if failure(t, err).RequestID == "" {
					t.Error("no request id")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantDecision(t, e, decision, *vector.Expect)
		})
	}
}

func TestChecksAtTheSameTime(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"], patient())
	questions := vectors[vectorQuestion](t, e, "checks")
	const times = 20
	type outcome struct {
		decision patwarden.Decision
		err      error
	}
	outcomes := make([]outcome, times*len(questions))
	var group sync.WaitGroup
	for i := range outcomes {
		group.Go(func() {
			q := questions[i%len(questions)]
			o := &outcomes[i]
			o.decision, o.err = client.Check(t.Context(), q.Token.secretOf(t, e), q.Resource, q.Action, optionsOf(q)...)
		})
	}
	group.Wait()
	for i, outcome := range outcomes {
		q := questions[i%len(questions)]
		if q.Error == nil && outcome.err != nil {
			t.Fatalf("%s: %v", q.Name, outcome.err)
		}
		if q.Error == nil {
			wantDecision(t, e, outcome.decision, *q.Expect)
			continue
		}
		wantError(t, outcome.err, *q.Error)
	}
}

func TestBatches(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"], patient())
	type vector struct {
		Name   string
		Items  []vectorQuestion
		Expect []struct {
			expectedDecision
			Error *expectedError
		}
	}
	for _, vector := range vectors[vector](t, e, "batches") {
		t.Run(vector.Name, func(t *testing.T) {
			var items []*patwardenv1.BatchCheckItem
			for _, item := range vector.Items {
				items = append(items, itemOf(t, e, item))
			}
			results, err := client.BatchCheck(t.Context(), items...)
			if err != nil {
				t.Fatal(err)
			}
			if len(results) != len(vector.Expect) {
				t.Fatalf("%d results, want %d", len(results), len(vector.Expect))
			}
			for i, want := range vector.Expect {
				if want.Error != nil {
					wantError(t, results[i].Err, *want.Error)
					if results[i].Decision.Allowed {
						t.Error("an error is allowed")
					}
					continue
				}
				if results[i].Err != nil {
					t.Errorf("item %d: %v", i, results[i].Err)
				}
				wantDecision(t, e, results[i].Decision, want.expectedDecision)
			}
		})
	}
}

func TestLists(t *testing.T) {
	e := harness(t)
	client := connect(t, e.Endpoint, e.Keys["checker"])
	type vector struct {
		Name    string
		Token   vectorToken
		Type    string
		Action  string
		Context *vectorContext
		Expect  *struct {
			Resources  []string
			TokenValid bool `json:"token_valid"`
			Reason     string
			Incomplete bool
		}
		Error *expectedError
	}
	for _, vector := range vectors[vector](t, e, "lists") {
		t.Run(vector.Name, func(t *testing.T) {
			options := optionsOf(vectorQuestion{Context: vector.Context})
			list := client.ListResources(within(t, patience), vector.Token.secretOf(t, e), vector.Type, vector.Action, options...)
			resources := []string{}
			var failed error
			for resource, err := range list.All() {
				if err != nil {
					failed = err
					break
				}
				resources = append(resources, resource)
			}
			if vector.Error != nil {
				wantError(t, failed, *vector.Error)
				if !list.Incomplete {
					t.Error("a list that failed is said to be complete")
				}
				return
			}
			if failed != nil {
				t.Fatal(failed)
			}
			slices.Sort(resources)
			want := vector.Expect
			if !slices.Equal(resources, want.Resources) {
				t.Errorf("got %v, want %v", resources, want.Resources)
			}
			if list.Reason != reason(want.Reason) || list.TokenValid != want.TokenValid || list.Incomplete != want.Incomplete {
				t.Errorf("got %s, valid %t, incomplete %t", list.Reason, list.TokenValid, list.Incomplete)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	e := harness(t)
	type vector struct {
		Name    string
		Key     string
		Call    string
		Request json.RawMessage
		Error   expectedError
	}
	clients := map[string]*patwarden.Client{}
	for name, key := range e.Keys {
		clients[name] = connect(t, e.Endpoint, key, patient(), patwarden.WithTimeout(patience))
	}
	for _, vector := range vectors[vector](t, e, "errors") {
		t.Run(vector.Name, func(t *testing.T) {
			wantError(t, call(t, clients[vector.Key], vector.Call, vector.Request), vector.Error)
		})
	}
}

// call calls the method that is named in lower snake case by its stub.
func call(t *testing.T, client *patwarden.Client, name string, text json.RawMessage) error {
	t.Helper()
	stubs := []any{
		client.Authorization, client.Tokens, client.Subjects, client.Policies, client.Audit, client.Usage, client.SelfService,
	}
	for _, stub := range stubs {
		method := reflect.ValueOf(stub).MethodByName(camel(name))
		if !method.IsValid() {
			continue
		}
		request := reflect.New(method.Type().In(1).Elem())
		if err := protojson.Unmarshal(text, request.Interface().(proto.Message)); err != nil {
			t.Fatal(err)
		}
		results := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), request})
		if err, _ := results[1].Interface().(error); err != nil {
			return err
		}
		if stream, ok := results[0].Interface().(interface {
			Recv() (*patwardenv1.ListResourcesResponse, error)
		}); ok {
			_, err := stream.Recv()
			return err
		}
		return nil
	}
	t.Fatalf("no method %s", name)
	return nil
}

func camel(snake string) string {
	words := strings.Split(snake, "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
