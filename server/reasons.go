package server

import (
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
)

// Reason names one kind of failure, for programs: google.rpc.ErrorInfo.reason over gRPC, `reason` over REST. Once
// shipped it keeps its meaning.
type Reason string

// The reasons.
const (
	InvalidField         Reason = "INVALID_FIELD"          // the fields and problems are in the details
	MalformedMessage     Reason = "MALFORMED_MESSAGE"      // not JSON, not protobuf, not UTF-8, or of another shape
	MessageTooLarge      Reason = "MESSAGE_TOO_LARGE"      // more bytes than the server takes
	UnsupportedMediaType Reason = "UNSUPPORTED_MEDIA_TYPE" // REST: the body is not said to be application/json
	MethodNotAllowed     Reason = "METHOD_NOT_ALLOWED"     // REST: the path has other methods
	UnknownPath          Reason = "UNKNOWN_PATH"           // REST: there is nothing at the path
	UnknownLoop          Reason = "UNKNOWN_LOOP"
	UnknownEvent         Reason = "UNKNOWN_EVENT"
	UnknownEvaluation    Reason = "UNKNOWN_EVALUATION"
	EventConflict        Reason = "EVENT_CONFLICT" // the event id was used for another request
	TrackConflict        Reason = "TRACK_CONFLICT" // the track id was used for another report
	NoAction             Reason = "NO_ACTION"      // no action is permitted, and the loop wants an error then
	NotKilled            Reason = "NOT_KILLED"     // it is not switched off by an operator
	NoCatalogue          Reason = "NO_CATALOGUE"   // the loop's actions are none of the catalogue's
	UnknownAction        Reason = "UNKNOWN_ACTION" // the catalogue has no such action
	ActionState          Reason = "ACTION_STATE"   // the action cannot go there from where it is
	CatalogueFull        Reason = "CATALOGUE_FULL"
	UnknownChallenger    Reason = "UNKNOWN_CHALLENGER"
	UnknownWebhook       Reason = "UNKNOWN_WEBHOOK"      // the webhook files have no such source
	WebhookUnverified    Reason = "WEBHOOK_UNVERIFIED"   // signature or secret are wrong, or it is too old
	WebhookUnverifiable  Reason = "WEBHOOK_UNVERIFIABLE" // what is needed to verify it cannot be had now
	ChallengerBroken     Reason = "CHALLENGER_BROKEN"    // its file cannot be used; the place and the problem are in the text
	NotProven            Reason = "NOT_PROVEN"           // the challenger is not proven to be better; the numbers are in the text
	NotPromoted          Reason = "NOT_PROMOTED"         // there is no such promotion to take back
	LoopChanged          Reason = "LOOP_CHANGED"         // another loop file has come into force meanwhile
	Overloaded           Reason = "OVERLOADED"           // too many calls at once: not started
	EvaluationsFull      Reason = "EVALUATIONS_FULL"     // too many evaluations wait: not started
	LogUnavailable       Reason = "LOG_UNAVAILABLE"      // the event log cannot take or give records now
	FeaturesUnavailable  Reason = "FEATURES_UNAVAILABLE" // the feature store does not answer
	FeaturesUnreadable   Reason = "FEATURES_UNREADABLE"  // what is stored for the user is no hash of features, or too much
	DeadlineExceeded     Reason = "DEADLINE_EXCEEDED"
	Canceled             Reason = "CANCELED" // by the caller
	Internal             Reason = "INTERNAL" // a bug of ours: the cause is in the server's log only
)

// statusClientClosedRequest is what proxies log for a caller that did not wait; nobody is left to read it.
const statusClientClosedRequest = 499

// meaning is how a reason looks to callers.
type meaning struct {
	code       codes.Code
	httpStatus int
	title      string
	retry      time.Duration // after which trying again makes sense; 0: not by itself
}

// meaning returns how the reason looks to callers. It is the only place where failures meet status codes.
func (r Reason) meaning() meaning {
	switch r {
	case InvalidField:
		return meaning{codes.InvalidArgument, http.StatusBadRequest, "A field of the request is not valid.", 0}
	case MalformedMessage:
		return meaning{codes.InvalidArgument, http.StatusBadRequest, "The request cannot be read.", 0}
	case MessageTooLarge:
		return meaning{codes.ResourceExhausted, http.StatusRequestEntityTooLarge, "The request is too large.", 0}
	case UnsupportedMediaType:
		return meaning{codes.InvalidArgument, http.StatusUnsupportedMediaType, "The request's body must be application/json.", 0}
	case MethodNotAllowed:
		return meaning{codes.Unimplemented, http.StatusMethodNotAllowed, "The path does not have this method.", 0}
	case UnknownPath:
		return meaning{codes.Unimplemented, http.StatusNotFound, "There is nothing at this path.", 0}
	case UnknownLoop:
		return meaning{codes.NotFound, http.StatusNotFound, "There is no such loop.", 0}
	case UnknownEvent:
		return meaning{codes.NotFound, http.StatusNotFound, "There is no such event.", 0}
	case UnknownEvaluation:
		return meaning{codes.NotFound, http.StatusNotFound, "There is no such evaluation.", 0}
	case EventConflict:
		return meaning{codes.AlreadyExists, http.StatusConflict, "The event id was used for another request.", 0}
	case TrackConflict:
		return meaning{codes.AlreadyExists, http.StatusConflict, "The track id was used for another report.", 0}
	case NoAction:
		return meaning{codes.FailedPrecondition, http.StatusConflict, "No action is permitted.", 0}
	case NotKilled:
		return meaning{codes.FailedPrecondition, http.StatusConflict, "It is not switched off.", 0}
	case NoCatalogue:
		return meaning{codes.FailedPrecondition, http.StatusConflict, "The loop has no catalogue.", 0}
	case UnknownAction:
		return meaning{codes.NotFound, http.StatusNotFound, "There is no such action.", 0}
	case ActionState:
		return meaning{codes.FailedPrecondition, http.StatusConflict, "The action cannot go there.", 0}
	case CatalogueFull:
		return meaning{codes.ResourceExhausted, http.StatusTooManyRequests, "The catalogue is full.", 0}
	case UnknownChallenger:
		return meaning{codes.NotFound, http.StatusNotFound, "There is no such challenger.", 0}
	case UnknownWebhook:
		return meaning{codes.NotFound, http.StatusNotFound, "There is no such webhook.", 0}
	case WebhookUnverified:
		return meaning{codes.Unauthenticated, http.StatusUnauthorized, "The delivery is not verified.", 0}
	case WebhookUnverifiable:
		return meaning{codes.Unavailable, http.StatusServiceUnavailable, "The delivery cannot be verified now.", 5 * time.Second}
	case ChallengerBroken:
		return meaning{codes.FailedPrecondition, http.StatusConflict, "The challenger's file cannot be used.", 0}
	case NotProven:
		return meaning{codes.FailedPrecondition, http.StatusConflict, "The challenger is not proven to be better.", 0}
	case NotPromoted:
		return meaning{codes.FailedPrecondition, http.StatusConflict, "There is no such promotion to take back.", 0}
	case LoopChanged:
		return meaning{codes.Aborted, http.StatusConflict, "Another loop file has come into force meanwhile.", 0}
	case Overloaded:
		return meaning{codes.Unavailable, http.StatusServiceUnavailable, "The server has too many calls at once.", time.Second}
	case EvaluationsFull:
		// Not Unavailable: the service is well, and balancers must not take it for ill.
		return meaning{codes.ResourceExhausted, http.StatusTooManyRequests, "Too many evaluations wait already.", 30 * time.Second}
	case LogUnavailable:
		return meaning{codes.Unavailable, http.StatusServiceUnavailable, "The event log is not available.", time.Second}
	case FeaturesUnavailable:
		return meaning{codes.Unavailable, http.StatusServiceUnavailable, "The feature store is not available.", time.Second}
	case FeaturesUnreadable:
		return meaning{codes.FailedPrecondition, http.StatusConflict, "What is stored for this user cannot be read as features.", 0}
	case DeadlineExceeded:
		return meaning{codes.DeadlineExceeded, http.StatusGatewayTimeout, "The deadline passed before there was an answer.", 0}
	case Canceled:
		return meaning{codes.Canceled, statusClientClosedRequest, "The caller did not wait for the answer.", 0}
	}
	return meaning{codes.Internal, http.StatusInternalServerError, "The server failed.", 0}
}
