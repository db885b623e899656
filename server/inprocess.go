package server

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// inProcess calls the services of this process as a gRPC client would, through the server's own interceptors and
// without a socket. The gateway uses it, and batches do: REST and the items of a batch get the same limits, checks and errors as
// calls over gRPC, at less than the price of a second connection. Only unary calls are there.
type inProcess struct {
	methods     map[string]boundMethod
	interceptor grpc.UnaryServerInterceptor
	trace       startSpan
	rest        bool // calls come in over REST
}

var _ grpc.ClientConnInterface = (*inProcess)(nil)

type boundMethod struct {
	impl    any
	handler grpc.MethodHandler
}

func newInProcess(services []service, interceptor grpc.UnaryServerInterceptor, trace startSpan, rest bool) *inProcess {
	c := &inProcess{methods: map[string]boundMethod{}, interceptor: interceptor, trace: trace, rest: rest}
	for _, s := range services {
		for _, m := range s.desc.Methods {
			c.methods[fullMethod(s.desc.ServiceName, m.MethodName)] = boundMethod{s.impl, m.Handler}
		}
	}
	return c
}

// Invoke implements grpc.ClientConnInterface. The caller must not change args afterwards, and the answer shares its
// parts with what the handler returned.
func (c *inProcess) Invoke(ctx context.Context, method string, args, reply any, options ...grpc.CallOption) error {
	m, ok := c.methods[method]
	if !ok {
		return status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	ctx, stream, end := c.begin(ctx, method)
	answer, err := m.handler(m.impl, ctx, func(request any) error {
		share(request.(proto.Message), args.(proto.Message))
		return nil
	}, c.interceptor)
	end(err)
	stream.report(options)
	if err != nil {
		return err
	}
	share(reply.(proto.Message), answer.(proto.Message))
	return nil
}

// begin makes a context look like that of a call.
func (c *inProcess) begin(ctx context.Context, method string) (context.Context, *inProcessStream, func(error)) {
	stream := &inProcessStream{method: method, rest: c.rest}
	ctx = grpc.NewContextWithServerTransportStream(incoming(ctx), stream)
	ctx, end := c.trace(ctx, method)
	return ctx, stream, end
}

// call is Invoke for callers who know who answers: it spares the copies of request and answer, which batches feel. answer is
// the method of the service that c has.
func (c *inProcess) call(ctx context.Context, method string, request any, answer func(ctx context.Context, service any, request any) (any, error)) (any, error) {
	m, ok := c.methods[method]
	if !ok {
		return nil, status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	ctx, _, end := c.begin(ctx, method)
	reply, err := c.interceptor(ctx, request, &grpc.UnaryServerInfo{Server: m.impl, FullMethod: method},
		func(ctx context.Context, request any) (any, error) { return answer(ctx, m.impl, request) })
	end(err)
	return reply, err
}

// rank is a Rank by call.
func (c *inProcess) rank(ctx context.Context, m *nextbestv1.RankRequest) (*nextbestv1.RankResponse, error) {
	reply, err := c.call(ctx, nextbestv1.DecisionService_Rank_FullMethodName, m, func(ctx context.Context, service, request any) (any, error) {
		return service.(nextbestv1.DecisionServiceServer).Rank(ctx, request.(*nextbestv1.RankRequest))
	})
	if err != nil {
		return nil, err
	}
	return reply.(*nextbestv1.RankResponse), nil
}

// sendTime is a SendTime by call.
func (c *inProcess) sendTime(ctx context.Context, m *nextbestv1.SendTimeRequest) (*nextbestv1.SendTimeResponse, error) {
	reply, err := c.call(ctx, nextbestv1.DecisionService_SendTime_FullMethodName, m, func(ctx context.Context, service, request any) (any, error) {
		return service.(nextbestv1.DecisionServiceServer).SendTime(ctx, request.(*nextbestv1.SendTimeRequest))
	})
	if err != nil {
		return nil, err
	}
	return reply.(*nextbestv1.SendTimeResponse), nil
}

// NewStream implements grpc.ClientConnInterface.
func (c *inProcess) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "no streams in process")
}

// incoming turns what a client would send into what a server receives.
func incoming(ctx context.Context) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx)
	if !ok {
		return ctx
	}
	return metadata.NewIncomingContext(metadata.NewOutgoingContext(ctx, nil), md)
}

// share sets the fields of to, which is empty, to those of from, without copying what they hold.
func share(to, from proto.Message) {
	target := to.ProtoReflect()
	from.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		target.Set(field, value)
		return true
	})
}

// inProcessStream takes the headers and trailers that a handler sets. It also says whether a call is one over REST.
type inProcessStream struct {
	method          string
	rest            bool
	mu              sync.Mutex
	header, trailer metadata.MD
}

var _ grpc.ServerTransportStream = (*inProcessStream)(nil)

// Method implements grpc.ServerTransportStream.
func (s *inProcessStream) Method() string { return s.method }

// SetHeader implements grpc.ServerTransportStream.
func (s *inProcessStream) SetHeader(md metadata.MD) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header = metadata.Join(s.header, md)
	return nil
}

// SendHeader implements grpc.ServerTransportStream. Headers leave with the answer.
func (s *inProcessStream) SendHeader(md metadata.MD) error { return s.SetHeader(md) }

// SetTrailer implements grpc.ServerTransportStream.
func (s *inProcessStream) SetTrailer(md metadata.MD) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trailer = metadata.Join(s.trailer, md)
	return nil
}

// report hands headers and trailers to the caller who asked for them.
func (s *inProcessStream) report(options []grpc.CallOption) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, option := range options {
		switch o := option.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = s.header
		case grpc.TrailerCallOption:
			*o.TrailerAddr = s.trailer
		}
	}
}

// overREST reports whether a call came in over REST.
func overREST(ctx context.Context) bool {
	s, ok := grpc.ServerTransportStreamFromContext(ctx).(*inProcessStream)
	return ok && s.rest
}
