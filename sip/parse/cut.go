package parse

import "bytes"

// WholeLines returns what is whole of a message whose end was not captured: half a
// Call-ID would be another call's. Without an empty line that is up to the last line
// end; of a body Parse takes what there is.
func WholeLines(payload []byte) []byte {
	if bytes.Contains(payload, []byte("\n\r\n")) || bytes.Contains(payload, []byte("\n\n")) {
		return payload
	}
	if end := bytes.LastIndexByte(payload, '\n'); end >= 0 {
		return payload[:end+1]
	}
	return payload
}
