package patwarden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const errorDomain = "patwarden.v1"

// Error is why a call failed. No error of this package is a decision, and none holds a secret.
//
// errors.Is(err, context.DeadlineExceeded) and errors.Is(err, context.Canceled) hold for [codes.DeadlineExceeded] and [codes.Canceled],
// whichever side ran out of time.
type Error struct {
	Code codes.Code
	// Name of a patwardenv1.ErrorReason without its prefix, for example NOT_FOUND. Empty when the transport failed, not the server.
	Reason  string
	Message string
	// What the reason comes with, as errors.proto says.
	Metadata map[string]string
	// What is wrong with the request, for [codes.InvalidArgument].
	FieldViolations []FieldViolation
	// By which the server's log knows the call. Empty when the server never answered.
	RequestID string
	// After how long to try again. 0: the server did not say.
	RetryDelay time.Duration

	cause error
}

// FieldViolation is a field of a request that the server does not take.
type FieldViolation struct {
	// Path in the request message, for example `context.client_ip`.
	Field       string
	Description string
}

// Error implements error.
func (e *Error) Error() string {
	text := strings.Builder{}
	fmt.Fprintf(&text, "patwarden: %s", e.Code)
	if e.Reason != "" {
		fmt.Fprintf(&text, " %s", e.Reason)
	}
	fmt.Fprintf(&text, ": %s", e.Message)
	for _, violation := range e.FieldViolations {
		fmt.Fprintf(&text, "; %s: %s", violation.Field, violation.Description)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&text, " (request %s)", e.RequestID)
	}
	return text.String()
}

// Unwrap gives the error that this one was made from.
func (e *Error) Unwrap() error {
	return e.cause
}

// Is lets an Error be compared with the errors of package context.
func (e *Error) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded ||
		target == context.Canceled && e.Code == codes.Canceled
}

// GRPCStatus is what status.FromError goes by.
func (e *Error) GRPCStatus() *status.Status {
	return status.New(e.Code, e.Message)
}

// errorOf makes an Error of what gRPC returned; headers may be what came with it. Nil for nil.
func errorOf(err error, headers ...metadata.MD) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	state := status.Convert(err)
	result := &Error{Code: state.Code(), Message: state.Message(), cause: err}
	requestID := ""
	// What cannot be decoded is an error in this list, and passed over.
	for _, detail := range state.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == errorDomain {
				result.Reason, result.Metadata = detail.GetReason(), detail.GetMetadata()
			}
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				result.FieldViolations = append(result.FieldViolations, FieldViolation{violation.GetField(), violation.GetDescription()})
			}
		case *errdetails.RequestInfo:
			requestID = detail.GetRequestId()
		case *errdetails.RetryInfo:
			result.RetryDelay = detail.GetRetryDelay().AsDuration()
		}
	}
	for _, header := range headers {
		if ids := header.Get("x-request-id"); len(ids) > 0 {
			requestID = cmp.Or(requestID, ids[0])
		}
	}
	result.RequestID = cmp.Or(requestID, result.Metadata["requestId"])
	return result
}

// errorOfContext is the error of a call whose context has ended.
func errorOfContext(ctx context.Context) error {
	state := status.FromContextError(ctx.Err())
	return &Error{Code: state.Code(), Message: state.Message(), cause: context.Cause(ctx)}
}

// internalError is for replies that break the API's word.
func internalError(message string) error {
	return &Error{Code: codes.Internal, Message: message}
}
