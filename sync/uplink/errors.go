package uplink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// refusal is a failure that another try will not mend by itself: somebody has to
// change a setting here or at the broker.
type refusal struct {
	error
	todo string // what to do
}

func (r *refusal) Unwrap() error { return r.error }

// refused finds out whether err is a refusal, and returns it as one.
func refused(err error) (*refusal, bool) {
	var r *refusal
	if errors.As(err, &r) {
		return r, true
	}
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		op      *net.OpError
	)
	var todo string
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		todo = "make the node known to the broker, and check uplink.username, the password file and the certificate"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		todo = "the broker does not take the node's id as a client id"
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		todo = "the broker must speak MQTT 3.1.1"
	case errors.As(err, &host):
		todo = "name the broker in uplink.brokers as its certificate does"
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &invalid):
		todo = "check the broker's certificate, uplink.ca_file, and the clocks"
	case errors.As(err, &op) && op.Op == "remote error": // a TLS alert
		todo = "the broker does not take this node's certificate: check uplink.cert_file and that its CN is the node's id"
	default:
		return nil, false
	}
	return &refusal{err, todo}, true
}
