package server

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that is wrapped here
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
)

// received is what a message of the API is decoded into. gRPC answers by itself, with INTERNAL, when its codec says that
// a message cannot be read; so the codec keeps that here, for the handler to refuse it as the bad request that it is.
type received struct {
	message proto.Message
	err     error
	raw     []byte // the message as it came, when there is an err
}

// codec is gRPC's own, but for errors of reading a received.
type codec struct {
	encoding.CodecV2
}

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*received)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if in.err = c.CodecV2.Unmarshal(data, in.message); in.err != nil {
		in.err, in.raw = withField(data, in.message, in.err), data.Materialize()
	}
	return nil
}

// withField returns err, or one that names the field: the slower way of decoding a message does so.
func withField(data mem.BufferSlice, m proto.Message, err error) error {
	slow := dynamicpb.NewMessage(m.ProtoReflect().Descriptor())
	if better := proto.Unmarshal(data.Materialize(), slow); better != nil {
		return better
	}
	return err
}
