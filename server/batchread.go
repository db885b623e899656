package server

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxBatchItems is how many items a message of a batch has at most, as the API's description says.
const maxBatchItems = 1000

// itemsNumber is the field of the items in the requests of both batches, rowNumber that of the row in both items.
const (
	itemsNumber protowire.Number = 1
	rowNumber   protowire.Number = 1
)

// batchMessage is a message of a batch as it was read.
type batchMessage[M proto.Message] struct {
	message M
	unread  map[int]*failure // why items could not be decoded, by their index
}

// receive reads one message into m. An error ends the stream.
func receive[M proto.Message](stream grpc.ServerStream, m M) (*batchMessage[M], error) {
	in := &received{message: m}
	if err := stream.RecvMsg(in); err != nil {
		return nil, err
	}
	b := &batchMessage[M]{message: m}
	if in.err != nil {
		var err error
		if b.unread, err = salvage(m, in.raw); err != nil {
			return nil, err
		}
	}
	if n := itemsOf(m).Len(); n > maxBatchItems {
		return nil, invalid("items", fmt.Sprintf("must be at most %d, not %d", maxBatchItems, n))
	}
	return b, nil
}

func itemsOf(m proto.Message) protoreflect.List {
	r := m.ProtoReflect()
	return r.Get(r.Descriptor().Fields().ByNumber(itemsNumber)).List()
}

// salvage decodes a message that cannot be decoded whole item by item, so that one with text that is not UTF-8 does not
// take the others with it. What is broken outside of items ends the stream.
func salvage(m proto.Message, raw []byte) (map[int]*failure, error) {
	proto.Reset(m)
	r := m.ProtoReflect()
	items := r.Mutable(r.Descriptor().Fields().ByNumber(itemsNumber)).List()
	unread := map[int]*failure{}
	for len(raw) > 0 {
		field, err := nextField(raw)
		if err != nil {
			return nil, err
		}
		raw = raw[field.bytes:]
		if field.number != itemsNumber || field.kind != protowire.BytesType {
			if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(field.whole, m); err != nil {
				return nil, malformed(err.Error())
			}
			continue
		}
		body, _ := protowire.ConsumeBytes(field.value)
		item := items.NewElement()
		if err := proto.Unmarshal(body, item.Message().Interface()); err != nil {
			unread[items.Len()] = malformed(err.Error())
			item = items.NewElement()
			setRow(item.Message(), body)
		}
		items.Append(item)
	}
	return unread, nil
}

// wireField is one field of an encoded message.
type wireField struct {
	number       protowire.Number
	kind         protowire.Type
	whole, value []byte // with its tag, and without
	bytes        int    // of whole
}

func nextField(raw []byte) (f wireField, err error) {
	number, kind, head := protowire.ConsumeTag(raw)
	if head < 0 {
		return f, malformed(protowire.ParseError(head).Error())
	}
	size := protowire.ConsumeFieldValue(number, kind, raw[head:])
	if size < 0 {
		return f, malformed(protowire.ParseError(size).Error())
	}
	return wireField{number, kind, raw[:head+size], raw[head : head+size], head + size}, nil
}

// setRow finds the row of an item that cannot be decoded, so that its answer can be told from others.
func setRow(item protoreflect.Message, body []byte) {
	for len(body) > 0 {
		field, err := nextField(body)
		if err != nil {
			return
		}
		if field.number == rowNumber && field.kind == protowire.VarintType {
			row, _ := protowire.ConsumeVarint(field.value)
			item.Set(item.Descriptor().Fields().ByNumber(rowNumber), protoreflect.ValueOfUint64(row))
		}
		body = body[field.bytes:]
	}
}
