package server

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// service is one service of the API with what answers it.
type service struct {
	desc       *grpc.ServiceDesc
	impl       any
	descriptor protoreflect.ServiceDescriptor
}

// registrar collects services, so that both protocols are given the same ones.
type registrar struct {
	services []service
}

var _ grpc.ServiceRegistrar = (*registrar)(nil)

// RegisterService implements grpc.ServiceRegistrar.
func (r *registrar) RegisterService(desc *grpc.ServiceDesc, impl any) {
	r.services = append(r.services, service{desc: desc, impl: impl})
}

// apiServices returns the services of the API over deps.
func apiServices(deps Deps) ([]service, error) {
	r := &registrar{}
	nextbestv1.RegisterDecisionServiceServer(r, &decisionService{deps: deps})
	nextbestv1.RegisterLoopServiceServer(r, &loopService{deps: deps})
	nextbestv1.RegisterFeatureServiceServer(r, &featureService{deps: deps})
	nextbestv1.RegisterEvaluationServiceServer(r, &evaluationService{deps: deps})
	nextbestv1.RegisterChallengerServiceServer(r, &challengerService{deps: deps})
	if deps.Tracker != nil {
		nextbestv1.RegisterTrackServiceServer(r, &trackService{deps: deps})
	}
	if deps.Audit != nil {
		nextbestv1.RegisterAdminServiceServer(r, &adminService{deps: deps})
		nextbestv1.RegisterCatalogServiceServer(r, &catalogService{deps: deps})
	}
	for i := range r.services {
		s := &r.services[i]
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(s.desc.ServiceName))
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", s.desc.ServiceName, err)
		}
		s.descriptor = d.(protoreflect.ServiceDescriptor)
	}
	return r.services, nil
}

// fullMethod is a method's name as calls carry it.
func fullMethod(service, method string) string { return "/" + service + "/" + method }

// withReadErrors returns the description with handlers that pass what cannot be decoded to refused. It needs codec.
func withReadErrors(desc *grpc.ServiceDesc, refused func(ctx context.Context, method string, err error) error) *grpc.ServiceDesc {
	described := *desc
	described.Methods = slices.Clone(desc.Methods)
	for i := range described.Methods {
		m := &described.Methods[i]
		handler, name := m.Handler, fullMethod(desc.ServiceName, m.MethodName)
		m.Handler = func(impl any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			return handler(impl, ctx, func(message any) error {
				in := &received{message: message.(proto.Message)}
				if err := decode(in); err != nil {
					return err // gRPC has answered: too large, or the connection is gone
				}
				if in.err != nil {
					return refused(ctx, name, in.err)
				}
				return nil
			}, interceptor)
		}
	}
	return &described
}
