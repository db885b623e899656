package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// maxDepth bounds how deep JSON may be nested. The deepest message of the API, a list among an action's features,
// takes half of it.
const maxDepth = 16

// newGateway makes REST calls into gRPC calls on conn. It is given the path still escaped, and unescapes what it takes
// from it, so that ids may hold any characters.
func newGateway(conn grpc.ClientConnInterface, refused func(http.ResponseWriter, *http.Request, *failure)) (*runtime.ServeMux, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newJSONCodec()),
		runtime.WithIncomingHeaderMatcher(traceHeadersOnly),
		runtime.WithOutgoingHeaderMatcher(noHeader),
		runtime.WithOutgoingTrailerMatcher(noHeader),
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			gatewayError(w, r, err, refused)
		}),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
			refused(w, r, routingFailure(r, code))
		}),
		runtime.WithMiddlewares(unescape(refused)),
		// A form that a foreign page posts must not become a GET, nor a POST another method.
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithWriteContentLength(),
	)
	ctx := context.Background() // the generated functions do not use it
	err := errors.Join(
		nextbestv1.RegisterDecisionServiceHandlerClient(ctx, mux, nextbestv1.NewDecisionServiceClient(conn)),
		nextbestv1.RegisterLoopServiceHandlerClient(ctx, mux, nextbestv1.NewLoopServiceClient(conn)),
		nextbestv1.RegisterFeatureServiceHandlerClient(ctx, mux, nextbestv1.NewFeatureServiceClient(conn)),
		nextbestv1.RegisterEvaluationServiceHandlerClient(ctx, mux, nextbestv1.NewEvaluationServiceClient(conn)),
		nextbestv1.RegisterChallengerServiceHandlerClient(ctx, mux, nextbestv1.NewChallengerServiceClient(conn)),
		nextbestv1.RegisterTrackServiceHandlerClient(ctx, mux, nextbestv1.NewTrackServiceClient(conn)),
		nextbestv1.RegisterAdminServiceHandlerClient(ctx, mux, nextbestv1.NewAdminServiceClient(conn)),
		nextbestv1.RegisterCatalogServiceHandlerClient(ctx, mux, nextbestv1.NewCatalogServiceClient(conn)),
	)
	return mux, err
}

// gatewayError answers with a call's error, or refuses a body or header that the gateway could not read.
func gatewayError(w http.ResponseWriter, r *http.Request, err error, refused func(http.ResponseWriter, *http.Request, *failure)) {
	s, ok := status.FromError(err)
	if ok && s.Code() == codes.InvalidArgument && len(s.Details()) == 0 {
		body, _ := r.Body.(*readBody)
		if body == nil {
			body = &readBody{}
		}
		refused(w, r, malformedJSON(s.Message(), body.bytes))
		return
	}
	writeError(w, err)
}

func routingFailure(r *http.Request, code int) *failure {
	switch code {
	case http.StatusMethodNotAllowed:
		return &failure{reason: MethodNotAllowed, detail: fmt.Sprintf("%s has no method %s", r.URL.Path, r.Method)}
	case http.StatusNotFound:
		return &failure{reason: UnknownPath, detail: fmt.Sprintf("there is nothing at %s", r.URL.Path)}
	}
	return malformed("the path cannot be read")
}

// unescape makes parameters of the parts of an escaped path.
func unescape(refused func(http.ResponseWriter, *http.Request, *failure)) runtime.Middleware {
	return func(next runtime.HandlerFunc) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
			for name, escaped := range parameters {
				value, err := url.PathUnescape(escaped)
				if err != nil || !utf8.ValidString(value) {
					refused(w, r, &failure{reason: MalformedMessage, detail: jsonName(name) + " in the path is not UTF-8",
						violations: []violation{{jsonName(name), "is not UTF-8"}}})
					return
				}
				parameters[name] = value
			}
			next(w, r, parameters)
		}
	}
}

// traceHeadersOnly forwards the headers that link a trace, and no others: metadata is not for callers to set.
func traceHeadersOnly(name string) (string, bool) {
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Traceparent":
		return "traceparent", true
	case "Tracestate":
		return "tracestate", true
	}
	return "", false
}

func noHeader(string) (string, bool) { return "", false }

// jsonCodec reads and writes the API's JSON. A probability of 0 and an empty text are written like any other, and a
// name that the API does not have is refused: it is more often misspelt than meant for a later version.
type jsonCodec struct {
	runtime.JSONPb
}

func newJSONCodec() *jsonCodec {
	return &jsonCodec{runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitDefaultValues: true},
		UnmarshalOptions: protojson.UnmarshalOptions{RecursionLimit: maxDepth},
	}}
}

// NewDecoder implements runtime.Marshaler. It reads the whole body, which is bounded already: what follows the message
// is refused as well.
func (c *jsonCodec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		body, ok := r.(*readBody)
		if !ok {
			return fmt.Errorf("no body was read")
		}
		if len(body.bytes) == 0 {
			return io.EOF
		}
		return c.UnmarshalOptions.Unmarshal(body.bytes, v.(proto.Message))
	})
}
