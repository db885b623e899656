package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// validation checks messages against the rules in their .proto files. The rules are compiled here, once, so that the
// first request is as fast as the others.
func validation(services []service) (grpc.UnaryServerInterceptor, error) {
	var inputs []protoreflect.MessageDescriptor
	for _, s := range services {
		methods := s.descriptor.Methods()
		for i := range methods.Len() {
			inputs = append(inputs, methods.Get(i).Input())
		}
	}
	validator, err := protovalidate.New(
		protovalidate.WithMessageDescriptors(inputs...),
		protovalidate.WithDisableLazy(),
		// Half a million empty actions fit into one message; complaining about each took nine seconds.
		protovalidate.WithFailFast(),
	)
	if err != nil {
		return nil, fmt.Errorf("compile the messages' rules: %w", err)
	}
	withoutFeatures := protovalidate.WithFilter(notFeaturesOfRank())
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if m, ok := request.(proto.Message); ok && !isHealth(info.FullMethod) {
			if err := validator.Validate(m, withoutFeatures); err != nil {
				return nil, invalidMessage(m, err)
			}
		}
		return handler(ctx, request)
	}, nil
}

// notFeaturesOfRank passes over the maps of features of a Rank or a SendTime. Their one rule, how many there may be, is setOf's to
// keep: here every entry of every map would be visited, which took most of the time and memory of the whole check.
func notFeaturesOfRank() protovalidate.FilterFunc {
	context := nextbestv1.File_nextbest_v1_decision_proto.Messages().ByName("RankRequest").Fields().ByName("context")
	sendContext := nextbestv1.File_nextbest_v1_sendtime_proto.Messages().ByName("SendTimeRequest").Fields().ByName("context")
	features := nextbestv1.File_nextbest_v1_decision_proto.Messages().ByName("Action").Fields().ByName("features")
	return func(_ protoreflect.Message, d protoreflect.Descriptor) bool {
		return d != context && d != sendContext && d != features
	}
}

func invalidMessage(m proto.Message, err error) error {
	var broken *protovalidate.ValidationError
	if !errors.As(err, &broken) {
		return fmt.Errorf("validate a message: %w", err)
	}
	var vs []violation
	for _, v := range broken.Violations {
		vs = append(vs, violation{
			field:   jsonPath(m.ProtoReflect().Descriptor(), v.Proto.GetField()),
			problem: strings.TrimPrefix(v.Proto.GetMessage(), "value "),
		})
	}
	return invalidFields(vs)
}

// jsonPath writes a field's path as REST callers know it: actions[2].features.price.
func jsonPath(message protoreflect.MessageDescriptor, path *validate.FieldPath) string {
	var b strings.Builder
	for _, element := range path.GetElements() {
		name := element.GetFieldName()
		if message != nil {
			if field := message.Fields().ByNumber(protoreflect.FieldNumber(element.GetFieldNumber())); field != nil {
				name, message = field.JSONName(), valueMessage(field)
			}
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(name)
		switch key := element.GetSubscript().(type) {
		case *validate.FieldPathElement_Index:
			b.WriteString("[" + strconv.FormatUint(key.Index, 10) + "]")
		case *validate.FieldPathElement_StringKey:
			b.WriteString("." + key.StringKey)
		}
	}
	return b.String()
}

// valueMessage is the message that a field's path goes on in, or nil.
func valueMessage(field protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if field.IsMap() {
		return field.MapValue().Message()
	}
	return field.Message()
}
