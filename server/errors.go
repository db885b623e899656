package server

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/nextbest/nextbest/audit"
	"github.com/nextbest/nextbest/catalogue"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/evaluate/jobs"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/kill"
	"github.com/nextbest/nextbest/track"
)

// errorDomain is the domain of every ErrorInfo of ours.
const errorDomain = "nextbest"

// violation is one field that is not as it must be.
type violation struct {
	field   string // as in the REST body: actions[2].features.price
	problem string
}

// failure is an error for callers: public text, with its cause for the server's own log.
type failure struct {
	reason     Reason
	detail     string // "" stands for the reason's title
	violations []violation
	cause      error
}

// Error implements error, for the server's log.
func (f *failure) Error() string {
	if f.cause != nil {
		return f.cause.Error()
	}
	return f.public()
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

func (f *failure) public() string {
	if f.detail != "" {
		return f.detail
	}
	return f.reason.meaning().title
}

// fail makes a failure whose cause callers do not see.
func fail(r Reason, cause error) error { return &failure{reason: r, cause: cause} }

// refuse makes a failure that says why in public.
func refuse(r Reason, detail string) error { return &failure{reason: r, detail: detail} }

// invalid refuses a field.
func invalid(field, problem string) error {
	return &decision.InputError{Field: field, Problem: problem}
}

// late says what an error is once the call's time is over: then a part that does not answer is only how that shows.
func late(ctx context.Context, err error) error {
	f := classify(err)
	if f.reason == LogUnavailable || f.reason == FeaturesUnavailable {
		return &failure{reason: classify(ctx.Err()).reason, cause: err}
	}
	return err
}

// classify is the registry: it says what an error of any part is to callers.
func classify(err error) *failure {
	var f *failure
	var input *decision.InputError
	var tracked *track.ConflictError
	if r := challengerReason(err); r != "" {
		return &failure{reason: r, detail: err.Error(), cause: err}
	}
	if r := webhookReason(err); r != "" {
		return &failure{reason: r, detail: err.Error(), cause: err}
	}
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &input):
		return invalidFields([]violation{{input.Field, input.Problem}})
	case errors.Is(err, decision.ErrInvalid):
		return &failure{reason: InvalidField, detail: err.Error(), cause: err}
	case errors.Is(err, decision.ErrUnknownLoop):
		return &failure{reason: UnknownLoop, detail: err.Error(), cause: err}
	case errors.Is(err, decision.ErrNotFound):
		return &failure{reason: UnknownEvent, detail: err.Error(), cause: err}
	case errors.As(err, &tracked):
		return &failure{reason: TrackConflict, detail: tracked.Error(), cause: err}
	case errors.Is(err, decision.ErrEventConflict):
		return &failure{reason: EventConflict, detail: err.Error(), cause: err}
	case errors.Is(err, catalogue.ErrUnknownAction):
		return &failure{reason: UnknownAction, detail: err.Error(), cause: err}
	case errors.Is(err, catalogue.ErrTransition):
		return &failure{reason: ActionState, detail: err.Error(), cause: err}
	case errors.Is(err, catalogue.ErrFull):
		return &failure{reason: CatalogueFull, detail: err.Error(), cause: err}
	case errors.Is(err, kill.ErrNotKilled):
		return &failure{reason: NotKilled, detail: err.Error(), cause: err}
	case errors.Is(err, audit.ErrActor):
		return invalidFields([]violation{{"actor", err.Error()}})
	case errors.Is(err, decision.ErrNoAction):
		return &failure{reason: NoAction, detail: err.Error(), cause: err}
	case errors.Is(err, jobs.ErrNotFound):
		return &failure{reason: UnknownEvaluation, detail: err.Error(), cause: err}
	case errors.Is(err, jobs.ErrFull):
		return &failure{reason: EvaluationsFull, cause: err}
	case errors.Is(err, eventlog.ErrFull):
		return &failure{reason: Overloaded, cause: err}
	case errors.Is(err, decision.ErrUnavailable), errors.Is(err, eventlog.ErrFailed), errors.Is(err, eventlog.ErrClosed),
		errors.Is(err, jobs.ErrClosed):
		return &failure{reason: LogUnavailable, cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{reason: DeadlineExceeded, cause: err}
	case errors.Is(err, context.Canceled):
		return &failure{reason: Canceled, cause: err}
	}
	return &failure{reason: Internal, cause: err}
}

// invalidFields refuses fields, naming each in the text as well.
func invalidFields(vs []violation) *failure {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = v.field + ": " + v.problem
	}
	return &failure{reason: InvalidField, detail: strings.Join(parts, "; "), violations: vs}
}

// status returns the failure as gRPC callers see it.
func (f *failure) status() *status.Status {
	m := f.reason.meaning()
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: string(f.reason), Domain: errorDomain}}
	if len(f.violations) > 0 {
		details = append(details, badRequest(f.violations))
	}
	if m.retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(m.retry)})
	}
	s, err := status.New(m.code, f.public()).WithDetails(details...)
	if err != nil { // only for code OK, or details that cannot be marshalled: text that is not UTF-8
		return status.New(m.code, m.title)
	}
	return s
}

func badRequest(vs []violation) *errdetails.BadRequest {
	b := &errdetails.BadRequest{}
	for _, v := range vs {
		b.FieldViolations = append(b.FieldViolations,
			&errdetails.BadRequest_FieldViolation{Field: v.field, Description: v.problem})
	}
	return b
}

// failureOf reads back what status wrote. What another part of the process made has the reason of its code.
func failureOf(s *status.Status) *failure {
	f := &failure{reason: reasonOfCode(s.Code()), detail: s.Message()}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == errorDomain {
				f.reason = Reason(d.GetReason())
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				f.violations = append(f.violations, violation{v.GetField(), v.GetDescription()})
			}
		}
	}
	return f
}

// reasonOfCode is for statuses that do not say it: those that the gateway makes of bodies and headers.
func reasonOfCode(c codes.Code) Reason {
	switch c {
	case codes.InvalidArgument:
		return MalformedMessage
	case codes.ResourceExhausted:
		return MessageTooLarge
	case codes.Unimplemented:
		return UnknownPath
	case codes.DeadlineExceeded:
		return DeadlineExceeded
	case codes.Canceled:
		return Canceled
	}
	return Internal
}
