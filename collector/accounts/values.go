package accounts

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxEmail = 254 // RFC 5321, 4.5.3.1.3, without the brackets
	maxText  = 100 // characters
)

// cleanEmail brings an address into the one form that is stored. What is an
// address is the mail server's to say; this keeps out what cannot be one.
func cleanEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	local, domain, ok := strings.Cut(s, "@")
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`<>()[]\,;:"`, r)
	}
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") || len(s) > maxEmail ||
		!utf8.ValidString(s) || strings.ContainsFunc(s, bad) {
		return "", invalid("email", "email", "this is no e-mail address")
	}
	return s, nil
}

func checkText(name, s string) error {
	if utf8.RuneCountInString(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return invalid(name, "text", fmt.Sprintf("%s has more than %d characters, or some that do not print", name, maxText))
	}
	return nil
}

// A zone is looked up by the browser; a host without a database of zones must
// not refuse one. The form keeps paths out.
var (
	zoneForm     = regexp.MustCompile(`^[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}$`)
	languageForm = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)
)

// fields lists a profile's fields with the names that the API uses.
func (p *Profile) fields() [6]struct{ Name, Value string } {
	return [6]struct{ Name, Value string }{
		{"name", p.Name}, {"phone", p.Phone}, {"mobile", p.Mobile}, {"department", p.Department},
		{"time_zone", p.TimeZone}, {"language", p.Language}}
}

func (p *Profile) valid() error {
	for _, f := range p.fields() {
		if err := checkText(f.Name, f.Value); err != nil {
			return err
		}
	}
	if p.TimeZone != "" && !zoneForm.MatchString(p.TimeZone) {
		return invalid("time_zone", "time-zone", fmt.Sprintf("%.64q is no name of a time zone", p.TimeZone))
	}
	if p.Language != "" && !languageForm.MatchString(p.Language) {
		return invalid("language", "language", fmt.Sprintf("%.32q is no language", p.Language))
	}
	return nil
}

// changed names the fields that differ; what is in them is nobody's business
// but their owner's.
func (p *Profile) changed(q Profile) string {
	var names []string
	to := q.fields()
	for i, f := range p.fields() {
		if f.Value != to[i].Value {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}

// checkScope checks that role and customer fit: a customer's account without a customer
// would see nothing or all, one of another role with a customer would only seem to be
// limited.
func checkScope(r Role, customer string) error {
	switch {
	case r < Operator || r > Customer:
		return invalid("role", "role", "there is no such role")
	case r == Customer && customer == "":
		return invalid("customer", "no-customer", "the role customer needs a customer")
	case r != Customer && customer != "":
		return invalid("customer", "customer-role", "only the role customer has a customer")
	}
	return checkText("customer", customer)
}
