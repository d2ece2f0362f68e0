package record

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Encode returns a record as it is stored and sent.
func Encode(r *Record) ([]byte, error) {
	b, err := proto.Marshal(r)
	if err != nil { // texts of SIP messages need not be UTF-8, those of a record must
		clean(r.ProtoReflect())
		b, err = proto.Marshal(r)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	if len(b) > MaxRecord {
		return nil, fmt.Errorf("encoding a record: %d bytes are more than %d", len(b), MaxRecord)
	}
	return b, nil
}

// clean replaces what is not UTF-8 in the texts of m.
func clean(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				clean(v.List().Get(i).Message())
			}
		case f.IsList():
		case f.Message() != nil:
			clean(v.Message())
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(strings.ToValidUTF8(v.String(), "\uFFFD")))
		}
		return true
	})
}

// Decode is the reverse of Encode.
func Decode(b []byte) (*Record, error) {
	r := new(Record)
	if err := proto.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("decoding a record: %w", err)
	}
	return r, nil
}

// AppendToBody adds an encoded record to the unpacked body of a batch, without
// decoding it: a message of repeated field 1.
func AppendToBody(body, encoded []byte) []byte {
	body = protowire.AppendTag(body, 1, protowire.BytesType)
	return protowire.AppendBytes(body, encoded)
}

// Received is a batch that came from a node: decoded records with consecutive
// numbers. Records[i] has number First+i.
type Received struct {
	Node    string
	Epoch   uint64
	Stream  Stream
	First   uint64
	Records []*Record
}

// Range is the numbers of the batch.
func (b *Received) Range() Range { return Range{b.First, b.First + uint64(len(b.Records)) - 1} }

// DecodeBody reads the unpacked body of the batch that h begins.
func DecodeBody(node string, h *Header, body []byte) (*Received, error) {
	if len(body) != int(h.BodySize) {
		return nil, fmt.Errorf("a body of %d bytes where the header says %d", len(body), h.BodySize)
	}
	if err := checkShape(body, int(h.Count)); err != nil {
		return nil, err
	}
	var b Batch
	if err := proto.Unmarshal(body, &b); err != nil {
		return nil, fmt.Errorf("decoding a batch: %w", err)
	}
	if len(b.Records) != int(h.Count) {
		return nil, fmt.Errorf("%d records in a batch whose header says %d", len(b.Records), h.Count)
	}
	return &Received{Node: node, Epoch: h.Epoch, Stream: h.Stream, First: h.First, Records: b.Records}, nil
}

// EncodeMessage encodes a Hello or an Ack.
func EncodeMessage(m proto.Message) ([]byte, error) {
	b, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", m, err)
	}
	return b, nil
}

// DecodeHello reads what an agent said on connecting.
func DecodeHello(b []byte) (*Hello, error) {
	h := new(Hello)
	if err := proto.Unmarshal(b, h); err != nil {
		return nil, fmt.Errorf("decoding a hello: %w", err)
	}
	if h.Version != Version {
		return nil, fmt.Errorf("a hello of protocol version %d, this program knows %d", h.Version, Version)
	}
	return h, nil
}

// DecodeAck reads what a collector said.
func DecodeAck(b []byte) (*Ack, error) {
	a := new(Ack)
	if err := proto.Unmarshal(b, a); err != nil {
		return nil, fmt.Errorf("decoding an ack: %w", err)
	}
	if a.Version != Version {
		return nil, fmt.Errorf("an ack of protocol version %d, this program knows %d", a.Version, Version)
	}
	return a, nil
}
