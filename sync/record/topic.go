package record

import "strings"

// Topics of a node, all below "sipward/v1/NODE/".
const (
	TopicRoot   = "sipward/v1/"
	TopicHello  = "hello"  // agent to collectors, a Hello
	TopicAck    = "ack"    // collector to agent, an Ack
	TopicCmd    = "cmd"    // collector to agent, JSON: a question
	TopicAnswer = "answer" // agent to collectors, JSON: what was asked for
	TopicTable  = "table"  // collector to agent, retained: customers and number blocks, signed, zstd
	TopicState  = "state"  // retained JSON, and the will
	TopicLive   = "live"   // JSON, every second
	TopicData   = "data/"  // and the stream: batches
)

// Topic names a topic of node, which must be a valid id.
func Topic(node, leaf string) string { return TopicRoot + node + "/" + leaf }

// SplitTopic is the reverse of Topic; false for what is none of ours.
func SplitTopic(topic string) (node, leaf string, ok bool) {
	rest, ok := strings.CutPrefix(topic, TopicRoot)
	if !ok {
		return "", "", false
	}
	node, leaf, ok = strings.Cut(rest, "/")
	if !ok || !ValidNode(node) || leaf == "" {
		return "", "", false
	}
	return node, leaf, true
}

// ValidNode reports whether id may name a node: 1 to 63 letters, digits, dots,
// dashes and underscores. Nothing of it means anything in a topic or a path.
func ValidNode(id string) bool {
	if len(id) == 0 || len(id) > 63 || id == "." || id == ".." {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
