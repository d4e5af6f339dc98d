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

// Error is why a call failed. An error is never a decision, and never contains a secret.
//
// errors.Is(err, context.DeadlineExceeded) and errors.Is(err, context.Canceled) hold for [codes.DeadlineExceeded] and
// [codes.Canceled], whichever side ran out of time.
type Error struct {
	Code codes.Code
	// The name of a patwardenv1.ErrorReason without its prefix, for example NOT_FOUND. Empty when the transport failed.
	Reason  string
	Message string
	// Details of the reason, see errors.proto.
	Metadata map[string]string
	// Problems of the request, for [codes.InvalidArgument].
	FieldViolations []FieldViolation
	// Finds the call in the server's log. Empty when the server did not answer.
	RequestID string
	// The delay after which the server expects a retry to succeed, or 0.
	RetryDelay time.Duration

	cause error
}

// FieldViolation is a problem with one field of a request.
type FieldViolation struct {
	// Path in the message, for example `context.client_ip`.
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

// Unwrap returns the error of gRPC or of the context.
func (e *Error) Unwrap() error {
	return e.cause
}

// Is lets an Error be compared with the errors of package context.
func (e *Error) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded ||
		target == context.Canceled && e.Code == codes.Canceled
}

// GRPCStatus lets status.FromError read an Error.
func (e *Error) GRPCStatus() *status.Status {
	return status.New(e.Code, e.Message)
}

// errorOf converts an error of gRPC; headers and trailers may hold the request id. Returns nil for nil.
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
	// A detail that cannot be decoded is an error in this list, and is skipped.
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

// errorOfContext returns the error of a call whose context has ended.
func errorOfContext(ctx context.Context) error {
	state := status.FromContextError(ctx.Err())
	return &Error{Code: state.Code(), Message: state.Message(), cause: context.Cause(ctx)}
}

// internalError reports a reply that the API does not allow.
func internalError(message string) error {
	return &Error{Code: codes.Internal, Message: message}
}
